"""A small real model as Trainer exports it, without training: `make` takes a second or two."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import write_manifest
from modules.serving.recommender import export
from modules.serving.warmup_requests import write_warmup_requests
from tests.small_model import ITEMS, make_model

IDS = [f"item {number}" for number in range(ITEMS)]
"""Ids of the catalogue, the most popular first."""


def make(folder: Path, learned_from: str = "monday") -> Path:
    """Writes the model into a folder, with warm-up requests and a manifest, and returns it."""
    ids = np.array([item.encode() for item in IDS], object)
    vocabulary = Vocabulary(ids, np.arange(ITEMS, 0, -1), ITEMS)
    scratch = folder.with_name(f"{folder.name}-ids") / "item_ids.txt"
    scratch.parent.mkdir(parents=True)
    export(make_model(), vocabulary, 4, str(scratch), str(folder))
    write_warmup_requests(str(folder), [[b"item 1", b"item 2"]])
    write_manifest(str(folder), learned_from)
    return folder
