"""Which alarms an output folder has sent: those of a day go out once, however often it is tried."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

FILE = "alarms.json"


def was_sent(out: Path, name: str, day: str | None) -> bool:
    """Returns whether the last event of a name was about the same day."""
    return day is not None and _read(out).get(name) == day


def remember(out: Path, name: str, day: str | None) -> None:
    """Keeps that an event of a name was sent; without a place to write, it is sent again."""
    with contextlib.suppress(OSError):
        (out / FILE).write_text(json.dumps({**_read(out), name: day}) + "\n", encoding="utf-8")


def _read(out: Path) -> dict[str, str | None]:
    try:
        return dict(json.loads((out / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
