"""The choices of model selection, kept with the SavedModel for people to read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modules.evaluation.metrics import none_for_nan
from modules.evaluation.selection_metric import MRR, RECALL
from modules.files.model_folder import read_json, write_json
from modules.training.score_adjustment_search import ScoreAdjustments

FILE = os.path.join("assets.extra", "choices.json")


def write_selection(
    folder: str, epochs: int, adjustments: ScoreAdjustments, recall: float, mrr: float
) -> None:
    """Writes the choices and their metrics into a SavedModel's folder.

    Args:
      folder: folder of the SavedModel.
      epochs: number of epochs.
      adjustments: score adjustments.
      recall: Recall@20 on split eval of the training run on train alone; NaN without evaluation.
      mrr: likewise MRR@20.
    """
    found = {RECALL: none_for_nan(recall), MRR: none_for_nan(mrr)}
    write_json(folder, FILE, {"epochs": epochs, **adjustments.by_option(), "eval": found})


def read_selection(folder: str) -> Mapping[str, Any] | None:
    """Returns what `write_selection` wrote, None if the file is missing."""
    return read_json(folder, FILE)
