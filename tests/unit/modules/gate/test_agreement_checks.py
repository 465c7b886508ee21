"""The checks that two counts of the same thing agree."""

from __future__ import annotations

import dataclasses

import numpy as np

from modules.evaluation.rank_table import (
    CANDIDATE,
    all_metrics,
    empty_table,
)
from modules.gate.agreement_checks import agreement_check, items_check, steps_check
from tests.rank_tables import RECALL, make_table


def test_the_ranks_must_give_the_evaluators_metrics() -> None:
    table = make_table(candidate=[[1, 30], [2]])
    evaluation: dict[str, float | int | None] = dict(all_metrics(table, CANDIDATE))
    assert agreement_check(table, evaluation).passed
    wrong = {**evaluation, RECALL: 2 / 3 + 2e-6}
    check = agreement_check(table, wrong)
    assert not check.passed
    assert "in 1 metrics: honest/all/recall@20 is 0.6666667 by the ranks and" in check.reason
    assert not agreement_check(table, {}).passed
    assert agreement_check(empty_table([CANDIDATE]), {}).passed


def test_the_model_must_know_every_item_of_its_data() -> None:
    items = [b"a", b"b", b"c\xc3\xa9"]
    check = items_check(items, frozenset(items), ["train", "eval"])
    assert (check.name, check.verdict, check.n) == ("items = vocabulary", "passed", 3)
    assert check.reason == "the model knows all 3 items of train and eval"
    check = items_check(items, frozenset([b"a", b"__SPACE__"]), ["train"])
    assert check.verdict == "failed"
    assert check.reason == (
        "3 items in train, 2 known to the model: 2 are missing, such as 'b', 'cé'; 1 are not in "
        "the data, such as '__SPACE__'. Transform's vocabulary must hold every item that is read"
    )
    assert items_check(items, None, ["train"]).verdict == "skipped"


def test_model_and_baselines_must_know_the_same_steps() -> None:
    table = make_table(candidate=[[1, 30], [2], [4, 5, 6]])
    same = make_table(popularity=[[9, 9], [9], [9, 9, 9]])
    check = steps_check(table, same)
    assert (check.name, check.verdict, check.n) == ("steps = baselines", "passed", 6)
    assert check.reason == "the baselines have the same 6 steps, 6 known"
    known = same.known.copy()
    known[[2, 4]] = False
    check = steps_check(table, dataclasses.replace(same, known=known))
    assert check.verdict == "failed"
    assert "differs in 2 of 6 steps: 6 and 3 steps are known to the model and 4 and 2" in (
        check.reason
    )
    assert "the first one is step 0 of session 's1'," in check.reason
    long = dataclasses.replace(table, session_ids=np.array([b"x" * 1000] * 3, object))
    assert len(steps_check(long, dataclasses.replace(same, known=known)).reason) < 600
    shorter = dataclasses.replace(same, context_length=same.context_length - 1)
    assert not steps_check(table, shorter).passed
    counted = dataclasses.replace(same, target_count=same.target_count + 1)
    assert not steps_check(table, counted).passed
