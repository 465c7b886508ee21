"""What a command leaves of a run besides its own output: records in the history, and events."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.config.options import hooks
from modules.config.options.hooks import HookOptions
from modules.messages.quoting import shorten
from pipeline.config import Config, ConfigError
from pipeline.run.days import LateError, evaluated_day
from pipeline.run.failures import Failure
from pipeline.run.output_state import served_model
from pipeline.run.run_folders import FAILURE_FILE, REFRESH_FILE, RELEASE_FILE, record_event

_MOST_CHARACTERS = 500
_CANARY = "canary_worse"

if TYPE_CHECKING:
    from pipeline.history.columns import Row


def report_run(config: Config, out: Path) -> None:
    """Sends the events of the run that has just finished."""
    if not config.hooks.on_event:
        return
    from pipeline.events.event import run_message
    from pipeline.history.rows import BLESSED, REFUSED

    finished = [row for row in _rows(out) if row["verdict"] in (BLESSED, REFUSED)]
    if finished:
        row = finished[-1]
        _send(config, row["verdict"], out, run_message(row), row, row["day"], row["reasons"])
        _send_if_stale(config, out, row, row["day"])


def record_failure(config: Config, out: Path, failure: Failure, began: float, log: Path) -> None:
    """Keeps a failed run in the history, and sends its events; a warning says what was not done.

    Args:
      config: configuration of the run.
      out: output folder.
      failure: where and why it failed.
      began: start of the run, in seconds since 1970.
      log: file with all messages.
    """
    day, cause = evaluated_day(config.data), ": ".join(filter(None, failure))
    content = {
        "pipeline": config.name,
        **failure._asdict(),
        "served_model": served_model(out),
        "seconds": round(time.time() - began, 3),
        "log": str(log),
    }
    folder = _record(out, FAILURE_FILE, content, began, day)
    if config.hooks.on_event:
        message = f"{config.name} {day or ''}".rstrip() + f": failed: {_in_a_line(cause)}"
        row = _newest(out)
        _send(config, hooks.FAILED, out, message, row, day, [cause], is_of_row=folder is not None)
        _send_if_stale(config, out, row, day)


def report_late(config: Config, out: Path, late: LateError) -> None:
    """Sends the events of a day that has no files yet, once a day."""
    if config.hooks.on_event:
        message = f"{config.name} {late.day or ''}".rstrip() + f": late: {late}"
        row = _newest(out)
        _send(config, hooks.LATE, out, message, row, late.day, [str(late)], is_of_row=False)
        _send_if_stale(config, out, row, late.day)


def report_not_started(error: Exception, config: Config | None, out: Path | None) -> None:
    """Sends the event of a run that cannot start.

    Args:
      error: why.
      config: the configuration; None if it is not usable, whose error has its hooks.
      out: output folder, None if it is unknown.
    """
    found = error.hooks if isinstance(error, ConfigError) else config.hooks if config else None
    if not (found and found.on_event):
        return
    from pipeline.events.event import make_event

    name = config.name if config else Path(getattr(error, "source", "")).stem
    day = config.data.date if config else None
    reason = str(error)
    message = f"{name} {day or ''}".rstrip() + f": failed: {_in_a_line(reason)}"
    event = make_event(
        hooks.FAILED,
        out,
        message,
        pipeline=name,
        day=day,
        row=_newest(out),
        is_of_row=False,
        reasons=[reason],
    )
    _hand_over(found, event)


def report_monitor(config: Config, out: Path | None, report: Mapping[str, Any], page: Path) -> None:
    """Sends the events of limits that the request log exceeds, once a day while they are the same.

    Args:
      config: configuration with the hooks.
      out: output folder, None without one.
      report: what `pipeline.monitor.report` found.
      page: page with the results.
    """
    failed = [check for check in report["checks"] if not check["passed"]]
    if not (config.hooks.on_event and failed):
        return
    from pipeline.events.event import make_event
    from pipeline.events.sent import remember, was_sent

    day = report["requests"]["last"][:10]
    for name in (hooks.EXCEEDED, hooks.WORSE):
        found = [check for check in failed if (check["name"] == _CANARY) == (name == hooks.WORSE)]
        what = " ".join(f"{check['version']}:{check['name']}" for check in found)
        place, alarm = out or page.parent, f"{day} {what}"
        if not found or was_sent(place, name, alarm):
            continue
        reasons = [f"version {check['version']}: {check['reason']}" for check in found]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        message = f"{config.name} {day}: {name}: {reasons[0]}{more}"
        event = make_event(
            name,
            out,
            message,
            pipeline=config.name,
            day=day,
            row=_newest(out),
            is_of_row=False,
            reasons=reasons,
        )
        if _hand_over(config.hooks, {**event, "report": str(page)}):
            remember(place, name, alarm)


def _in_a_line(text: str) -> str:
    return shorten(" ".join(text.split()), _MOST_CHARACTERS)


def record_refresh(
    out: Path, base: Path, folder: Path, counts: Mapping[str, int], seconds: float, began: float
) -> None:
    """Keeps a refresh in the history; a warning says so if that is not possible.

    Args:
      out: output folder.
      base: folder of the base.
      folder: folder of the new version.
      counts: numbers of items; `catalogue` and `offered` among them, `new` if clicks added some.
      seconds: wall time.
      began: start of the refresh, in seconds since 1970.
    """
    places = {"base": str(base), "pushed_model": str(folder)}
    _record(out, REFRESH_FILE, {**places, **counts, "seconds": round(seconds, 3)}, began)


def record_release(out: Path, change: str, versions: Sequence[str], by: str, why: str) -> None:
    """Keeps a change of the releases in the history; a warning says so if that is not possible.

    Args:
      out: output folder.
      change: what was done, a verdict of the history such as `rolled back`.
      versions: the versions that it was done to.
      by: who did it.
      why: the reason.
    """
    content = {
        **{"change": change, "versions": list(versions), "by": by, "why": why},
        "served_model": served_model(out),
    }
    _record(out, RELEASE_FILE, content, time.time())


def _record(
    out: Path, file_name: str, content: Mapping[str, Any], began: float, day: str | None = None
) -> Path | None:
    """Records an event and returns its folder; None, and a warning, if that is not possible."""
    from pipeline.history.update import update_history  # slow to import: it draws charts

    try:
        folder = record_event(out, file_name, content, began, day)
    except OSError as error:
        print(f"Warning: the history in {out} was not updated: {error}", file=sys.stderr)
        return None
    for warning in update_history(out):
        print(warning, file=sys.stderr)
    return folder


def _rows(out: Path) -> list[Row]:
    from pipeline.history.rows import read_history

    return read_history(out).rows


def _newest(out: Path | None) -> Row | None:
    """Returns the newest row of the history, with what serves now."""
    from pipeline.history.columns import full_row
    from pipeline.history.rows import served_day, version_of

    rows = _rows(out) if out else []
    served = version_of(served_model(out)) if out else None
    if out is None or served is None or (rows and rows[-1]["served_version"] == served):
        return rows[-1] if rows else None
    newest = rows[-1] if rows else full_row({})
    return {**newest, "served_version": served, "served_day": served_day(out, served)}


def _send(
    config: Config,
    name: str,
    out: Path,
    message: str,
    row: Row | None,
    day: str | None,
    reasons: Sequence[str],
    is_of_row: bool = True,
) -> None:
    """Sends an event; of an alarm that a day's next tries would repeat only the first."""
    from pipeline.events.event import make_event
    from pipeline.events.sent import remember, was_sent

    if name in (hooks.LATE, hooks.STALE) and was_sent(out, name, day):
        return
    event = make_event(
        name,
        out,
        message,
        pipeline=config.name,
        day=day,
        row=row,
        is_of_row=is_of_row,
        reasons=reasons,
    )
    if _hand_over(config.hooks, event):
        remember(out, name, day)


def _send_if_stale(config: Config, out: Path, row: Row | None, day: str | None) -> None:
    from pipeline.events.event import stale_message

    if row and day:
        message = stale_message(config.name, row, day, config.hooks.stale_days)
        if message:
            _send(config, hooks.STALE, out, message, row, day, [message], is_of_row=False)


def _hand_over(options: HookOptions, event: Mapping[str, Any]) -> bool:
    """Returns whether no hook failed; else it prints a warning."""
    from pipeline.events.hooks import send

    sys.stdout.flush()
    if warning := send(options, event):
        print(warning, file=sys.stderr, flush=True)
    return warning is None
