"""The choices of model selection, kept with the SavedModel for people and for later runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from modules.evaluation.metrics import none_for_nan
from modules.evaluation.selection_metric import MRR, RECALL
from modules.files.model_folder import read_json, write_json
from modules.serving.score_adjustments import SessionAdjustments
from modules.training.score_adjustment_search import ScoreAdjustments

FILE = os.path.join("assets.extra", "choices.json")


class Selection(NamedTuple):
    """What was selected on split eval.

    Attributes:
      epochs: number of epochs.
      adjustments: score adjustments.
      recall: Recall@20 on split eval of the training run on train alone; NaN without evaluation.
      mrr: likewise MRR@20.
    """

    epochs: int
    adjustments: ScoreAdjustments
    recall: float
    mrr: float


class Origin(NamedTuple):
    """When and how a selection was made.

    Attributes:
      options: digest of the options that a selection depends on.
      warm_start: whether the selecting training run started from another model's weights.
      selected_until: start of the last session of the data that it was made on, ms.
    """

    options: str
    warm_start: bool
    selected_until: int


def write_selection(folder: str, selection: Selection, origin: Origin) -> None:
    """Writes the choices and their metrics into a SavedModel's folder."""
    found = {RECALL: none_for_nan(selection.recall), MRR: none_for_nan(selection.mrr)}
    adjustments = selection.adjustments.by_option()
    content = {"epochs": selection.epochs, **adjustments, "eval": found, **origin._asdict()}
    write_json(folder, FILE, content)


def read_selection(folder: str) -> Mapping[str, Any] | None:
    """Returns what `write_selection` wrote, None if the file is missing."""
    return read_json(folder, FILE)


def parse_selection(content: Mapping[str, Any]) -> tuple[Selection, Origin]:
    """Returns the values of a record.

    Raises:
      ValueError: a former version wrote it, or it is damaged.
    """
    try:
        seen = SessionAdjustments(*(float(content[name]) for name in SessionAdjustments._fields))
        adjustments = ScoreAdjustments(seen, float(content["popularity_weight"]))
        metrics = (content["eval"][name] for name in (RECALL, MRR))
        values = [float("nan") if value is None else float(value) for value in metrics]
        origin = Origin(**{name: content[name] for name in Origin._fields})
        return Selection(int(content["epochs"]), adjustments, *values), origin
    except (KeyError, TypeError) as error:
        raise ValueError(f"unexpected content: {error!r}") from error
