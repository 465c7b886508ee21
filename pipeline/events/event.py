"""The content of events."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.config.options.hooks import BLESSED, STALE
from modules.daily.days import day_number, is_date
from pipeline.history.columns import Row
from pipeline.run.summary_file import SUMMARY_FILE

Event = dict[str, Any]


def make_event(
    name: str,
    out: Path | None,
    message: str,
    *,
    pipeline: str,
    day: str | None = None,
    row: Row | None = None,
    is_of_row: bool = True,
    reasons: Sequence[str] = (),
) -> Event:
    """Returns an event as plain values for JSON.

    Args:
      name: one of `EVENTS`.
      out: output folder, None if it is unknown.
      message: what happened, in a line.
      pipeline: name of the pipeline.
      day: day that the event is about, None if it is unknown.
      row: newest row of the history, if there is one: what serves, and what its run left.
      is_of_row: whether the event is about that run, and not about one that did not begin.
      reasons: why, a sentence each.
    """
    known = row or {}
    left = known if is_of_row and known.get("folder") else {}
    summary = out / left["folder"] / SUMMARY_FILE if out and left else None
    report = out / left["report"] if out and left.get("report") else None
    return {
        "event": name,
        "time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "pipeline": pipeline,
        "day": day,
        "run_id": left.get("run_id"),
        "out": str(out) if out else None,
        "folder": str(out / left["folder"]) if out and left else None,
        "summary": str(summary) if summary and summary.is_file() else None,
        "report": str(report) if report else None,
        "reasons": list(reasons),
        "versions": {
            "pushed": left.get("pushed_version"),
            "served": known.get("served_version"),
            "served_day": known.get("served_day"),
        },
        "message": message,
    }


def run_message(row: Row) -> str:
    """Returns what became of a run, in a line.

    >>> row = {"pipeline": "shop", "day": "9", "verdict": "refused", "reasons": ["mrr fell"],
    ...        "pushed_version": None}
    >>> run_message(row)
    'shop 9: refused: mrr fell'
    """
    head = f"{row['pipeline']} {row['day']}: {row['verdict']}"
    if row["verdict"] == BLESSED:
        pushed = row["pushed_version"]
        return f"{head}, {f'pushed version {pushed}' if pushed else 'nothing new was pushed'}"
    lines = [reason.splitlines()[0] for reason in row["reasons"] if reason]
    return ": ".join([head, *lines[:1]]) + (f" and {len(lines) - 1} more" if lines[1:] else "")


def stale_message(pipeline: str, row: Row, day: str, limit: int) -> str | None:
    """Returns that the served model is too old, None if it is not, or if its age is unknown.

    Args:
      pipeline: name of the pipeline.
      row: newest row of the history.
      day: day by which the age is measured.
      limit: days that a model may be old.

    >>> stale_message("shop", {"served_day": "2015-09-07", "served_version": "5"}, "2015-09-11", 3)
    'shop 2015-09-11: stale: version 5, which serves, was trained for 2015-09-07, 4 days before'
    """
    served = row["served_day"]
    if not served or is_date(served) != is_date(day):
        return None
    age = day_number(day) - day_number(served)
    if age <= limit:
        return None
    return (
        f"{pipeline} {day}: {STALE}: version {row['served_version']}, which serves, was trained "
        f"for {served}, {age} days before"
    )
