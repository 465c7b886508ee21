"""The record of every run of an output folder, below `runs/`, one folder each.

A finished run leaves its summary, configuration and report, a failed one where and why it failed,
and a refresh of the served model, or a change of the releases, what it changed. `OUT/summary.json`
is the newest run's; these folders keep those before it, so that a past day that is run again hides
nothing.
"""

from __future__ import annotations

import datetime
import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.daily.days import day_number
from pipeline.config import Config, write_config
from pipeline.paths import PUSHED
from pipeline.run.summary_file import SUMMARY_FILE, read_summary, write_summary

RUNS = "runs"
CONFIG_FILE = "config.yaml"
REPORT_FILE = "report.html"
IDENTITY_FILE = "identity.json"
FAILURE_FILE = "failure.json"
REFRESH_FILE = "refresh.json"
RELEASE_FILE = "release.json"
_NAME = re.compile(r"(?P<day>\d[\d-]*)-(?P<number>\d+)")


class RunFolder(NamedTuple):
    """A run, or a refresh of the served model.

    Attributes:
      path: its folder.
      day: the evaluated day; for a run without a window, and for a refresh, the UTC date of its
        start.
      number: which run of that day it is, from 1.
    """

    path: Path
    day: str
    number: int

    def summary(self) -> dict[str, Any]:
        """Returns the run's summary, empty if it cannot be read."""
        return read_summary(self.path)

    def has_failed(self) -> bool:
        """Returns whether the run failed."""
        return (self.path / FAILURE_FILE).is_file()

    def identity(self) -> str:
        """Returns the digest of what the run was made from, "" if it is unknown."""
        try:
            return str(json.loads((self.path / IDENTITY_FILE).read_text("utf-8"))["identity"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def run_folders(out: Path) -> list[RunFolder]:
    """Returns the finished runs of an output folder, by day and number."""
    return [run for run in recorded_folders(out) if (run.path / SUMMARY_FILE).is_file()]


def repeated_run(out: Path, day: str, identity: str) -> RunFolder | None:
    """Returns the newest finished run of a day if running the day again would only repeat it.

    It would not if that run was made from something else, even if one before it was not: what was
    changed and changed back has to be run again. Nor if its record is damaged, or its model failed
    the check of serving, which is repeated since a busy moment of the machine may be the cause, nor
    if the version that it pushed is lost or damaged, which the next run fixes.
    """
    newest = max(
        (run for run in run_folders(out) if run.day == day),
        key=lambda run: run.number,
        default=None,
    )
    if newest is None or newest.identity() != identity:
        return None
    summary = newest.summary()
    check = summary.get("serving_check") or {"passed": True}
    is_whole = summary and check["passed"] and not _is_lost(out, summary.get("pushed_model"))
    return newest if is_whole else None


def _is_lost(out: Path, pushed: str | None) -> bool:
    """Returns whether a pushed version is damaged, or missing though nobody removed it."""
    if not pushed:
        return False
    from modules.releases.versions import is_removed_on_purpose, push_damage  # loads TensorFlow

    version = str(out / PUSHED / Path(pushed).name)
    return push_damage(version) is not None and not is_removed_on_purpose(version)


def recorded_folders(out: Path) -> list[RunFolder]:
    """Returns all folders of runs by day and number: finished, failed, refreshes, and damaged."""
    return sorted(_recorded_folders(out), key=lambda run: (run.day.zfill(10), run.number))


def _recorded_folders(out: Path) -> Iterator[RunFolder]:
    for path in (out / RUNS).glob("*"):
        found = _NAME.fullmatch(path.name)
        if found and path.is_dir() and _is_day(found["day"]):
            yield RunFolder(path, found["day"], int(found["number"]))


def _is_day(name: str) -> bool:
    try:
        day_number(name)
    except ValueError:
        return False
    return True


def utc_time(seconds: float) -> str:
    """Returns a time in seconds since 1970 as ISO text in UTC, which sorts by time.

    >>> utc_time(1442004589.4)
    '2015-09-11T20:49:49Z'
    """
    found = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def _new_folder(out: Path, day: str) -> Path:
    """Creates the folder of a day's next run."""
    number = 1 + max((run.number for run in recorded_folders(out) if run.day == day), default=0)
    for next_number in itertools.count(number):
        folder = out / RUNS / f"{day}-{next_number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # A refresh may have been recorded in the meantime.
            continue
        return folder
    raise AssertionError


def record_run(
    out: Path, config: Config, summary: Mapping[str, Any], started: float, identity: str
) -> Path:
    """Keeps what a finished run leaves for people, and returns its folder.

    Args:
      out: output folder.
      config: configuration of the run.
      summary: the run's summary.
      started: start of the run, in seconds since 1970.
      identity: digest of what the run was made from; see `pipeline.run.identity`.
    """
    window = summary.get("window")
    folder = _new_folder(out, str(window["day"]) if window else utc_time(started)[:10])
    write_config(config, folder / CONFIG_FILE)
    if summary.get("report"):
        shutil.copyfile(str(summary["report"]), folder / REPORT_FILE)
    (folder / IDENTITY_FILE).write_text(json.dumps({"identity": identity}), encoding="utf-8")
    write_summary(summary, folder)  # last: a folder with it is complete
    return folder


def record_event(
    out: Path, file_name: str, event: Mapping[str, Any], started: float, day: str | None = None
) -> Path:
    """Keeps what is known of a failed run or of a refresh, and returns its folder.

    Args:
      out: output folder.
      file_name: `FAILURE_FILE`, `REFRESH_FILE` or `RELEASE_FILE`.
      event: content of the file; the start is added.
      started: start in seconds since 1970.
      day: the day that was to be evaluated; None for the UTC date of the start.
    """
    time = utc_time(started)
    folder = _new_folder(out, day or time[:10])
    content = {"started": time, **event}
    (folder / file_name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder
