"""What `session-retrieval monitor` leaves: a folder per call, with the results and their page."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

MONITOR = "monitor"
RESULT_FILE = "monitor.json"
PAGE_FILE = "monitor.html"
FORMAT = 1


class Record(NamedTuple):
    """The results of a call.

    Attributes:
      folder: its folder.
      report: content of `RESULT_FILE`.
    """

    folder: Path
    report: dict[str, Any]


def new_folder(out: Path) -> Path:
    """Creates the folder of a call below `OUT/monitor`, named by the time (UTC)."""
    name = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    for number in itertools.count(1):
        folder = out / MONITOR / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def write_report(report: Mapping[str, Any], page: str, folder: Path) -> Path:
    """Writes the page, then the results, and returns the page's path."""
    (folder / PAGE_FILE).write_text(page, encoding="utf-8")
    text = json.dumps(report, indent=2, allow_nan=False)
    (folder / RESULT_FILE).write_text(text + "\n", encoding="utf-8")
    return folder / PAGE_FILE


def read_records(out: Path) -> list[Record]:
    """Returns the results of the calls for an output folder, the earliest first.

    Damaged ones are left out.
    """
    found = []
    for file in sorted((out / MONITOR).glob(f"*/{RESULT_FILE}")):
        try:
            report = json.loads(file.read_text("utf-8"))
            if report["format"] == FORMAT and all(map(str.isdecimal, report["versions"])):
                found.append(Record(file.parent, report))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda record: str(record.report["made"]))


def newest_by_version(out: Path) -> dict[str, Record]:
    """Returns the newest results of each version, the newest version last."""
    found = {
        version: record for record in read_records(out) for version in record.report["versions"]
    }
    return dict(sorted(found.items(), key=lambda pair: int(pair[0])))
