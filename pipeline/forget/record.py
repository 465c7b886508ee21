"""The record of what could not be removed from an output folder; it has paths and no ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORD = "forgotten.json"
UNFINISHED, DELETE, POSSIBLE = "unfinished", "delete", "possible"
"""Keys: files that were being changed; what must be deleted; and what may have to be."""

_PUSHED = ("pushed", "pushed_withdrawn")


def read_record(out: Path) -> dict[str, Any]:
    """Returns the record of an output folder, empty if there is none that can be read."""
    try:
        found = json.loads((out / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def has_learned_forgotten(version: str, out: Path) -> bool:
    """Returns whether a pushed version, withdrawn or not, learned what was forgotten since."""
    places = (Path(name) for name in read_record(out).get(DELETE, ()))
    return any(path.name == version and path.parent.name in _PUSHED for path in places)


def still_there(path: Path) -> Path | None:
    """Returns the place of what must be deleted: a version may be withdrawn, or come back."""
    names = [path.parent.name, *_PUSHED] if path.parent.name in _PUSHED else [path.parent.name]
    places = (path.parent.with_name(name) / path.name for name in names)
    return next((place for place in places if place.exists()), None)
