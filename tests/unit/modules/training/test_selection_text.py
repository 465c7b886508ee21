"""The record of what was selected, in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.serving.score_adjustments import SessionAdjustments
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import Origin, Selection, read_selection, write_selection
from modules.training.selection_text import ADJUSTMENTS as NAMES
from modules.training.selection_text import describe_selection

ADJUSTMENTS = ScoreAdjustments(SessionAdjustments(2.5, 0.5), 0.3)
NAN = float("nan")


def test_it_names_all_score_adjustments() -> None:
    assert tuple(ADJUSTMENTS.by_option()) == NAMES


@pytest.mark.parametrize("warm_start", [False, True])
def test_it_is_described_in_a_sentence(tmp_path: Path, warm_start: bool) -> None:
    origin = Origin("digest", warm_start, 1442004589439)
    write_selection(str(tmp_path), Selection(7, ADJUSTMENTS, NAN, NAN), origin)
    assert describe_selection(read_selection(str(tmp_path)) or {}) == (
        "7 epochs, current_item_penalty 2.5, earlier_item_boost 0.5, popularity_weight 0.3, "
        "selected on data until 2015-09-11 20:49:49.439 UTC"
        + (", from the model before" if warm_start else "")
    )


@pytest.mark.parametrize(
    "change", [{"epochs": None}, {"popularity_weight": None}, {"selected_until": "soon"}, None]
)
def test_a_record_of_a_former_version_has_no_sentence(change: dict[str, object] | None) -> None:
    whole = {"epochs": 7, **ADJUSTMENTS.by_option(), "selected_until": 0, "warm_start": False}
    assert describe_selection(whole).startswith("7 epochs, ")
    with pytest.raises(ValueError):
        describe_selection({} if change is None else {**whole, **change})
