"""Reads the logs, measures, and compares with the limits: all that a call finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.gate.check_record import FAILED
from modules.messages.counting import counted
from pipeline.config import Config
from pipeline.monitor.clicks import read_clicks
from pipeline.monitor.limits import limit_checks
from pipeline.monitor.measure import measure
from pipeline.monitor.requests import read_columns, recent_files
from pipeline.monitor.training_data import Models

_MOST_LATE_SECONDS, _MOST_EARLY_SECONDS = 1.0, 10.0


def make_report(
    files: Sequence[Path],
    clicks: str | None,
    models: Models,
    config: Config,
    shift_ms: int = 0,
    hours: float | None = None,
) -> dict[str, Any] | None:
    """Returns all results as plain values for JSON; None if the log has no request.

    Args:
      files: files of the request log.
      clicks: absolute path or pattern of a click log; None without clicks.
      models: the versions and their training data.
      config: columns of the click log, and limits.
      shift_ms: added to the time of each click.
      hours: only requests this long before the newest one; None for all.

    Raises:
      LogError: a file of the request log cannot be read.
      SessionDataError: the click log cannot be used.
    """
    requests = read_columns(recent_files(files, hours), hours)
    if not len(requests):
        return None
    found = read_clicks(clicks, config.sessions, requests, shift_ms) if clicks else None
    report = measure(requests, found, models, config.monitor)
    checks = limit_checks(report, config.monitor)
    return {
        **report,
        "warnings": _warnings(report, shift_ms / 1000),
        "checks": [check.as_json() for check in checks],
        "exceeded": any(check.verdict == FAILED for check in checks),
    }


def _warnings(report: dict[str, Any], shift_seconds: float) -> list[str]:
    """Returns what makes the results doubtful, a sentence each."""
    clicks, log = report["clicks"], report["requests"]
    if clicks is None:
        return []
    found = []
    rejected = sum(clicks["rejected"].values())
    if rejected:
        found.append(f"{counted(rejected, 'row')} of the clicks could not be read")
    if not clicks["sessions"]:
        found.append(
            f"no click is of any of {counted(log['sessions'], 'requested session')}: the session "
            "ids of both logs must be the same"
        )
    found += _clock_warnings(clicks, shift_seconds)
    if clicks["open"]:
        found.append(
            "the click log ends within the time for click-through of "
            f"{counted(clicks['open'], 'request')}, whose later clicks may be missing"
        )
    return [f"Warning: {each}." for each in found]


def _clock_warnings(clicks: Mapping[str, Any], shift_seconds: float) -> Iterator[str]:
    """Yields that clicks and requests are stamped by clocks that differ."""
    clock = clicks["clock_seconds"]
    if clock is None:
        if clicks["sessions"]:
            yield (
                "no request has a click of its session on its latest item within 30 minutes: do "
                "the clocks differ (--shift), or is the click log of another time?"
            )
        return
    # A little before the request, where a shopper's click belongs.
    shift = f"correct the clocks, or --shift={shift_seconds - clock - 1:.0f}"
    made_for = "the clicks that requests were made for are stamped"
    if clock > _MOST_LATE_SECONDS:
        yield (
            f"{made_for} {clock:,.1f} s after the requests (median), so that they count as next "
            f"clicks: {shift}"
        )
    elif clock < -_MOST_EARLY_SECONDS:
        yield (
            f"{made_for} {-clock:,.1f} s before the requests (median), so that next clicks may "
            f"count as earlier ones: {shift}"
        )
