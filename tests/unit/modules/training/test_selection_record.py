"""The record of what was selected, kept with the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modules.config.options.trainer import TrainerOptions
from modules.serving.score_adjustments import SessionAdjustments
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import (
    FILE,
    Origin,
    Selection,
    parse_selection,
    read_selection,
    write_selection,
)

ADJUSTMENTS = ScoreAdjustments(SessionAdjustments(2.5, 0.5), 0.3)
ORIGIN = Origin("digest", True, 1_000)
NAN = float("nan")


def test_it_has_the_names_of_options(tmp_path: Path) -> None:
    write_selection(str(tmp_path), Selection(7, ADJUSTMENTS, 0.5, 0.25), ORIGIN)
    found = dict(read_selection(str(tmp_path)) or {})
    assert found.pop("epochs") == 7
    assert found.pop("eval") == {"recall@20": 0.5, "mrr@20": 0.25}
    assert Origin(**{name: found.pop(name) for name in Origin._fields}) == ORIGIN
    options = TrainerOptions(**found)
    assert (options.current_item_penalty, options.earlier_item_boost) == ADJUSTMENTS.seen
    assert options.popularity_weight == ADJUSTMENTS.popularity_weight


def test_without_evaluation_it_is_valid_json_without_metrics(tmp_path: Path) -> None:
    write_selection(str(tmp_path), Selection(1, ADJUSTMENTS, NAN, NAN), ORIGIN)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    content = json.loads((tmp_path / FILE).read_text("utf-8"), parse_constant=refuse)
    assert content["eval"] == {"recall@20": None, "mrr@20": None}


@pytest.mark.parametrize("recall", [0.5, NAN])
def test_a_later_run_reads_it_back(tmp_path: Path, recall: float) -> None:
    selection = Selection(7, ADJUSTMENTS, recall, recall / 2)
    write_selection(str(tmp_path), selection, ORIGIN)
    found, origin = parse_selection(read_selection(str(tmp_path)) or {})
    assert (found[:2], origin) == (selection[:2], ORIGIN)
    np.testing.assert_array_equal(found[2:], selection[2:])


def test_a_model_without_it_has_none(tmp_path: Path) -> None:
    assert read_selection(str(tmp_path)) is None


@pytest.mark.parametrize(
    "content", [{}, {"epochs": 3}, {"epochs": None}, {"epochs": 3, "eval": None}]
)
def test_a_record_of_a_former_version_cannot_be_taken_over(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="unexpected content"):
        parse_selection(content)
