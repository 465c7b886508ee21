"""What a command leaves of a run besides its own output: records of failures and refreshes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.run.days import evaluated_day
from pipeline.run.failures import Failure
from pipeline.run.output_state import served_model
from pipeline.run.run_folders import FAILURE_FILE, REFRESH_FILE, record_event


def record_failure(config: Config, out: Path, failure: Failure, began: float, log: Path) -> None:
    """Keeps a failed run in the history; a warning says so if that is not possible.

    Args:
      config: configuration of the run.
      out: output folder.
      failure: where and why it failed.
      began: start of the run, in seconds since 1970.
      log: file with all messages.
    """
    content = {
        "pipeline": config.name,
        **failure._asdict(),
        "served_model": served_model(out),
        "seconds": round(time.time() - began, 3),
        "log": str(log),
    }
    _record(out, FAILURE_FILE, content, began, evaluated_day(config.data))


def record_refresh(out: Path, done: Any, began: float) -> None:
    """Keeps a refresh in the history; a warning says so if that is not possible.

    Args:
      out: output folder.
      done: the result, a `serving.catalog_refresh.Refresh`.
      began: start of the refresh, in seconds since 1970.
    """
    content = {
        "base": str(done.base),
        "pushed_model": str(done.folder),
        **{name: getattr(done, name) for name in ("catalogue", "offered", "gone", "back")},
        "seconds": round(done.seconds, 3),
    }
    _record(out, REFRESH_FILE, content, began)


def _record(
    out: Path, file_name: str, content: Mapping[str, Any], began: float, day: str | None = None
) -> None:
    from pipeline.history.update import update_history  # slow to import: it draws charts

    try:
        record_event(out, file_name, content, began, day)
    except OSError as error:
        print(f"Warning: the history in {out} was not updated: {error}", file=sys.stderr)
        return
    for warning in update_history(out):
        print(warning, file=sys.stderr)
