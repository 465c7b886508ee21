"""The form of a loaded model's answers."""

from __future__ import annotations

from typing import Any

import pytest

from modules.serving.answer_checks import FOREIGN, answer_rows, loads_alone, well_formed

GOOD = {"item_ids": [["a", "b"], ["b", "c"]], "scores": [[2.0, 1.0], [1.0, 1.0]]}
NAN, INF = float("nan"), float("inf")


def _answer(items: list[str], scores: list[float]) -> dict[str, Any]:
    return {"item_ids": [items], "scores": [scores]}


def test_answers_in_good_form_pass() -> None:
    check = well_formed(GOOD, _answer(["x", "y"], [0.0, -1.0]))
    assert check.passed
    assert check.reason == "3 answers, sorted, finite and equally long"


@pytest.mark.parametrize(
    ("items", "scores", "reason"),
    [
        (["a"], [1.0], "3 answers, not all equally long"),
        ([], [], "3 answers, not all equally long, empty"),
        (["a", "a"], [2.0, 1.0], "3 answers, with an item twice"),
        (["a", "b"], [1.0, 2.0], "3 answers, not sorted"),
        (["a", "b"], [1.0, NAN], "3 answers, not finite"),
        (["a", "b"], [INF, 1.0], "3 answers, not finite"),
        (["a", "a"], [1.0, INF], "3 answers, with an item twice, not sorted, not finite"),
    ],
)
def test_every_fault_of_an_answer_is_named(
    items: list[str], scores: list[float], reason: str
) -> None:
    check = well_formed(GOOD, _answer(items, scores))
    assert not check.passed
    assert check.reason == reason


def test_items_and_scores_belong_together() -> None:
    assert answer_rows(GOOD)[1] == (["b", "c"], [1.0, 1.0])
    with pytest.raises(ValueError):
        answer_rows({"item_ids": [["a"], ["b"]], "scores": [[1.0]]})


def test_a_process_that_loaded_what_only_training_needs_is_named() -> None:
    assert loads_alone(["json", "tensorflow"]).passed
    check = loads_alone(["tfx", "tensorflow", FOREIGN[0]])
    assert not check.passed
    assert check.reason == f"loads {FOREIGN[0]}, tfx"
    assert (
        loads_alone(["tfx"], foreign=["modules"], needed="faiss loads").reason == "faiss loads it"
    )
