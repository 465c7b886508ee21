"""The verdict, and what its modules do without."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.evaluation.ranks import UNRANKED
from modules.gate import verdict
from modules.gate.check_record import FAILED, PASSED, SKIPPED
from modules.gate.metric_checks import reasons
from modules.gate.verdict_table import format_verdict
from tests.rank_tables import BOUNDS, RECALL, make_table

PROJECT = Path(__file__).parents[4]
PURE = (
    "config.options.model_gate",
    "evaluation.beyond_accuracy",
    "evaluation.bootstrap",
    "evaluation.intervals",
    "evaluation.item_history",
    "evaluation.metric_names",
    "evaluation.rank_table",
    "evaluation.rarefaction",
    "evaluation.slice_names",
    "gate.agreement_checks",
    "gate.check_record",
    "gate.limit_checks",
    "gate.metric_checks",
    "gate.reach",
    "gate.verdict",
    "gate.verdict_table",
)


@pytest.mark.parametrize("module", PURE)
def test_examples_in_docstrings(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"modules.{module}"))
    assert found.failed == 0


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_neither_tensorflow_nor_tfx(module: str) -> None:
    text = PROJECT.joinpath("modules", *module.split(".")).with_suffix(".py").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert lines
    for line, heavy in itertools.product(lines, ("tensorflow", "tfx", "apache_beam")):
        assert heavy not in line


NEW = f"{RECALL}/item_age=new"


def _with_new_items(candidate: list[int], last_blessed: list[int]) -> verdict.Comparison:
    """Compares on 500 sessions of an old target, then one that the candidate does not know."""
    table = make_table(
        **{CANDIDATE: [[rank, UNRANKED] for rank in candidate]},
        **{LAST_BLESSED: [[rank, rank] for rank in last_blessed]},
    )
    lacks = table.ranks[CANDIDATE] == UNRANKED
    table = dataclasses.replace(
        table,
        known=~lacks,
        target_count=np.where(lacks, 0, 5),
        item_age=np.where(lacks, -1, 9),
        last_blessed_known=np.ones(len(lacks), bool),
    )
    return verdict.Comparison(table, OPTIONS, BOUNDS)


OPTIONS = ModelGateOptions(
    beat_baselines=(),
    resamples=400,
    change_thresholds={RECALL: -0.9, f"{RECALL}/target_count=0": -0.05},
)


def test_slices_that_the_candidate_cannot_recommend_do_not_refuse_it() -> None:
    """An older model finds items that the candidate's window lacks; no candidate ever would."""
    comparison = _with_new_items([1] * 500, [1] * 500)
    checks = {check.name: check for check in comparison.checks()}
    assert not [check.reason for check in checks.values() if not check.passed]
    assert checks[NEW].verdict == checks[f"{RECALL}/target_count=0"].verdict == SKIPPED
    assert checks[NEW].reason == (
        f"{NEW}: no step in this slice has a target that both models can recommend"
    )
    assert checks[RECALL].value == -0.5  # the lost reach counts in the whole
    content = verdict.content(comparison, list(checks.values()), OPTIONS)
    assert content["reach"] == {"both": 500, "gained": 0, "lost": 500, "neither": 0}
    assert content["slices"]["item_age=new"][RECALL][LAST_BLESSED]["value"] == 1
    text = format_verdict(content)
    (line,) = [line for line in text.splitlines() if "recommended by both models: " in line]
    assert line.startswith("skipped, since") and line.endswith(f"context_length=2, {NEW}")
    assert "0 steps have a target that only this model can recommend, 500 one that only" in text
    passed = sum(check.verdict == PASSED and "=" in name for name, check in checks.items())
    assert reasons(list(checks.values()))[-1].startswith(f"none of {passed} slices falls behind")


def test_a_slice_is_compared_where_both_models_can_recommend() -> None:
    comparison = _with_new_items([50] * 500, [1] * 500)
    checks = {check.name: check for check in comparison.checks()}
    old = checks[f"{RECALL}/item_age=8..14"]
    assert (old.verdict, old.value, old.n) == (FAILED, -1.0, 500)
    # In slices of both kinds of targets, only the old ones count.
    row = comparison.row(checks[f"{RECALL}/session_length=3"])
    assert (row["candidate"], row["last_blessed"], row["n"]) == (0.0, 1.0, 500)


def test_intervals_of_slices_are_wider_together() -> None:
    random = np.random.default_rng(0)
    rows = {name: random.integers(1, 60, (300, 12)).tolist() for name in (CANDIDATE, LAST_BLESSED)}
    options = ModelGateOptions(resamples=4_000)
    comparison = verdict.Comparison(make_table(**rows), options, BOUNDS)
    checks = {check.name: check for check in comparison.checks()}
    of_slice = checks["honest/all/recall@20/context_length=3..5"]
    alone = comparison.estimates.difference(of_slice.name, CANDIDATE, LAST_BLESSED, 0.95)
    assert of_slice.interval and alone.interval
    together = of_slice.interval[1] - of_slice.interval[0]
    assert together > 1.2 * (alone.interval[1] - alone.interval[0])
