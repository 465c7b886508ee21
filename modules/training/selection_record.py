"""What was chosen on split eval for a model, kept beside its SavedModel for people to read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from modules.evaluation.selection_metric import MRR, RECALL
from modules.files.model_metadata import read_json, write_json
from modules.training.score_adjustment_search import ScoreAdjustments

FILE = os.path.join("assets.extra", "choices.json")


def write_selection(
    folder: str, epochs: int, scalars: ScoreAdjustments, recall: float, mrr: float
) -> None:
    """Writes the choices, and what they reached, into a SavedModel's folder.

    Args:
      folder: of the SavedModel.
      epochs: that the model was trained for.
      scalars: that it is served with.
      recall: Recall@20 of the fit on train alone, on split eval; NaN where nothing was judged.
      mrr: likewise MRR@20.
    """
    reached = {RECALL: recall, MRR: mrr}
    content = {
        "epochs": epochs,
        **scalars.by_option(),
        "eval": {name: None if math.isnan(value) else value for name, value in reached.items()},
    }
    write_json(folder, FILE, content)


def read_selection(folder: str) -> Mapping[str, Any] | None:
    """Returns what `write_selection` wrote, None where there is nothing."""
    return read_json(folder, FILE)
