"""What the history shows of `session-retrieval monitor`: its newest results for each version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.gate.check_record import FAILED
from pipeline.monitor.records import PAGE_FILE, Record, newest_by_version

_RECALL, _CLICK_THROUGH = "recall@20", "click_through"
Labelled = list[tuple[str, Mapping[str, Any]]]


class MonitorLine(NamedTuple):
    """The newest monitoring of a version.

    Attributes:
      version: name of the version.
      link: path of the page below the output folder.
      until: time of the newest request, to the minute (UTC).
      requests: number of requests.
      recall: online Recall@20 with its interval, by label; none without clicks.
      click_through: the same of click-through.
      oov_share: share of unknown items in served sessions; None if it is unknown.
      stale_share: share of clicks on unknown items; None if it is unknown.
      p99_ms: 99th percentile of latency, ms.
      exceeded: options with the limits that the version exceeds.
    """

    version: str
    link: str
    until: str
    requests: int
    recall: Labelled
    click_through: Labelled
    oov_share: float | None
    stale_share: float | None
    p99_ms: float
    exceeded: list[str]


def monitor_lines(out: Path) -> list[MonitorLine]:
    """Returns the newest monitoring of each version, the newest version last.

    Results of another form, as of a damaged file, are left out.
    """
    found = []
    for version, record in newest_by_version(out).items():
        try:
            found.append(_line(version, record, out))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _line(version: str, record: Record, out: Path) -> MonitorLine:
    report = record.report
    measured = report["versions"][version]
    groups = [group for group in report["groups"] if group["version"] == version]
    failed = [check for check in report["checks"] if check["verdict"] == FAILED]
    return MonitorLine(
        version=version,
        link=f"{os.path.relpath(record.folder, out)}/{PAGE_FILE}",
        until=str(measured["last"])[:16].replace("T", " "),
        requests=measured["requests"],
        recall=_of(groups, _RECALL),
        click_through=_of(groups, _CLICK_THROUGH),
        oov_share=measured["oov_share"],
        stale_share=measured["stale_share"],
        p99_ms=measured["p99_ms"],
        exceeded=[check["name"] for check in failed if check["version"] == version],
    )


def _of(groups: list[Mapping[str, Any]], metric: str) -> Labelled:
    found = [(group["label"], group["metrics"].get(metric)) for group in groups]
    return [(label, each) for label, each in found if each and each["value"] is not None]
