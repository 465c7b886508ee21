"""The record of what was selected, kept with the model."""

from __future__ import annotations

import json
from pathlib import Path

from modules.config.options.trainer import TrainerOptions
from modules.serving.score_adjustments import SessionAdjustments
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import FILE, read_selection, write_selection

ADJUSTMENTS = ScoreAdjustments(SessionAdjustments(2.5, 0.5), 0.3)
NAN = float("nan")


def test_it_reads_back_under_the_names_of_options(tmp_path: Path) -> None:
    write_selection(str(tmp_path), 7, ADJUSTMENTS, 0.5, 0.25)
    found = dict(read_selection(str(tmp_path)) or {})
    assert found.pop("epochs") == 7
    assert found.pop("eval") == {"recall@20": 0.5, "mrr@20": 0.25}
    options = TrainerOptions(**found)
    assert (options.current_item_penalty, options.earlier_item_boost) == ADJUSTMENTS.seen
    assert options.popularity_weight == ADJUSTMENTS.popularity_weight


def test_without_evaluation_it_is_valid_json_without_metrics(tmp_path: Path) -> None:
    write_selection(str(tmp_path), 1, ADJUSTMENTS, NAN, NAN)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    content = json.loads((tmp_path / FILE).read_text("utf-8"), parse_constant=refuse)
    assert content["eval"] == {"recall@20": None, "mrr@20": None}


def test_a_model_without_it_has_none(tmp_path: Path) -> None:
    assert read_selection(str(tmp_path)) is None
