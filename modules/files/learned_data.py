"""The record of the data that a model learned, kept with the model wherever it is copied."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from modules.files.model_folder import read_json, write_json

FILE = os.path.join("assets.extra", "learned.json")


@dataclasses.dataclass(frozen=True)
class LearnedData:
    """The data that a model learned.

    Attributes:
      splits: names of the splits.
      sessions: number of sessions.
      events: number of events.
      items: number of known items.
      first_start: start of the first session, ms.
      last_start: start of the last session, ms.
      last_event: time of the last event, ms.
      fingerprint: digest of the training windows of the splits.
    """

    splits: tuple[str, ...]
    sessions: int
    events: int
    items: int
    first_start: int
    last_start: int
    last_event: int
    fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """Returns the record as plain values for JSON."""
        return {**dataclasses.asdict(self), "splits": list(self.splits)}


def write_learned(folder: str, learned: LearnedData) -> None:
    """Writes the record into a SavedModel's folder, before its manifest."""
    write_json(folder, FILE, learned.as_json())


def read_learned(folder: str) -> LearnedData | None:
    """Returns what `write_learned` wrote; None without it, as former versions export.

    Raises:
      ValueError: the file has another form.
    """
    try:
        found = read_json(folder, FILE)
        if found is None:
            return None
        values = {field.name: found[field.name] for field in dataclasses.fields(LearnedData)}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{FILE} has an unexpected form: {error!r}") from error
    return LearnedData(**{**values, "splits": tuple(values["splits"])})
