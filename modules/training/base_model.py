"""What the node BaseModel hands to Trainer: an earlier model's weights and choices, if any."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from modules.files.model_folder import read_json, write_json

_FILE = "base_model.json"


class BaseModel(NamedTuple):
    """An earlier model.

    Attributes:
      version: folder of the pushed model; "" if there is none that learned earlier sessions only.
      selection: record of its model selection, see `selection_record`; empty without a model.
      learned_until: start of the last session that it learned from, ms.
    """

    version: str = ""
    selection: Mapping[str, Any] = {}
    learned_until: int = 0


def write_base(folder: str, base: BaseModel) -> None:
    """Writes the description into a folder, beside which `state_folder` has the weights."""
    write_json(folder, _FILE, base._asdict())


def read_base(folder: str | None) -> BaseModel | None:
    """Returns what `write_base` wrote; None for no folder."""
    content = read_json(folder, _FILE) if folder else None
    return BaseModel(**content) if content else None


def state_folder(folder: str) -> str:
    """Returns the folder of the weights in a folder of `write_base`."""
    return os.path.join(folder, "weights")
