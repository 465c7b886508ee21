"""The record of every run of an output folder, below `runs/`: summary, configuration and report.

`OUT/summary.json` is the newest run's; these folders keep those before it, so that a past day that
is run again hides nothing.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.config import Config, write_config
from pipeline.run.summary_file import SUMMARY_FILE, read_summary, write_summary

RUNS = "runs"
CONFIG_FILE = "config.yaml"
REPORT_FILE = "report.html"
IDENTITY_FILE = "identity.json"
_NAME = re.compile(r"(?P<day>\d[\d-]*)-(?P<number>\d+)")


class RunFolder(NamedTuple):
    """A finished run.

    Attributes:
      path: its folder.
      day: the evaluated day; for a run without a window, the UTC date of its start.
      number: which run of that day it is, from 1.
    """

    path: Path
    day: str
    number: int

    def summary(self) -> dict[str, Any]:
        """Returns the run's summary, empty if it cannot be read."""
        return read_summary(self.path)

    def identity(self) -> str:
        """Returns the digest of what the run was made from, "" if it is unknown."""
        try:
            return str(json.loads((self.path / IDENTITY_FILE).read_text("utf-8"))["identity"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def run_folders(out: Path) -> list[RunFolder]:
    """Returns the finished runs of an output folder, by day and number."""
    return sorted(_run_folders(out), key=lambda run: (run.day.zfill(10), run.number))


def _run_folders(out: Path) -> Iterator[RunFolder]:
    for path in (out / RUNS).glob("*"):
        found = _NAME.fullmatch(path.name)
        if found and (path / SUMMARY_FILE).is_file():
            yield RunFolder(path, found["day"], int(found["number"]))


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
    day = (
        str(window["day"])
        if window
        else datetime.datetime.fromtimestamp(started, datetime.timezone.utc).date().isoformat()
    )
    number = 1 + max((run.number for run in run_folders(out) if run.day == day), default=0)
    folder = out / RUNS / f"{day}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / CONFIG_FILE)
    if summary.get("report"):
        shutil.copyfile(str(summary["report"]), folder / REPORT_FILE)
    (folder / IDENTITY_FILE).write_text(json.dumps({"identity": identity}), encoding="utf-8")
    write_summary(summary, folder)  # last: a folder with it is complete
    return folder
