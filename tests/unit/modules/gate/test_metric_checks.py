"""The checks of metrics, by hand."""

from __future__ import annotations

import math

import pytest

from modules.evaluation.intervals import MetricEstimate, MetricEstimates
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.check_record import FAILED, PASSED, SKIPPED
from modules.gate.metric_checks import (
    MODEL,
    SLICE_CHANGE,
    VALUE,
    MetricCheck,
    baseline_check,
    change_check,
    is_blessed,
    reasons,
)
from tests.rank_tables import BOUNDS, RECALL, make_table


def estimate(value: float, low: float, high: float) -> MetricEstimate:
    return MetricEstimate(value, None if math.isnan(value) else (low, high), 100)


@pytest.mark.parametrize(
    ("found", "verdict_", "words"),
    [
        (
            estimate(0.1, 0.02, 0.2),
            "passed",
            "beats stan by +0.1000 [+0.0200, +0.2000], above 0.01",
        ),
        (estimate(0.1, 0.01, 0.2), "failed", "does not beat stan beyond noise"),
        (estimate(-0.1, -0.2, -0.02), "failed", "is worse than stan"),
        (estimate(0.0, 0.0, 0.0), "failed", "is worse than stan"),
        (estimate(math.nan, 0, 0), "failed", "nothing to measure"),
    ],
)
def test_beating_a_baseline(found: MetricEstimate, verdict_: str, words: str) -> None:
    check = baseline_check(found, RECALL, "stan", margin=0.01)
    assert check.verdict == verdict_
    assert words in check.reason


@pytest.mark.parametrize(
    ("found", "verdict_", "words"),
    [
        (estimate(0.0, 0.0, 0.0), "passed", "+0.0000 [+0.0000, +0.0000] is not below the limit"),
        (estimate(-0.005, -0.008, -0.002), "passed", "is not below the limit -0.01"),
        (estimate(-0.02, -0.05, 0.01), "passed", "but noise can explain it"),
        (estimate(-0.02, -0.03, -0.001), "failed", "is below the limit -0.01, beyond noise"),
        (estimate(math.nan, 0, 0), "failed", "nothing to measure"),
    ],
)
def test_falling_behind_the_last_blessed_model(
    found: MetricEstimate, verdict_: str, words: str
) -> None:
    check = change_check(found, RECALL, threshold=-0.01)
    assert check.verdict == verdict_
    assert words in check.reason


def test_a_slice_without_steps_is_skipped_and_blocks_nobody() -> None:
    metric = f"{RECALL}/item_age=new"
    check = change_check(estimate(math.nan, 0, 0), metric, -0.01, SLICE_CHANGE)
    assert (check.verdict, check.passed) == ("skipped", True)
    assert check.reason.endswith("has a target that both models can recommend")


def test_a_verdict_needs_checks_and_no_failure() -> None:
    good = MetricCheck("a", PASSED, "a is fine", VALUE)
    skipped = MetricCheck("b", SKIPPED, "b is lost", MODEL)
    bad = MetricCheck("c", FAILED, "c is bad", VALUE)
    slices = [MetricCheck(f"d/{i}", PASSED, "same", SLICE_CHANGE) for i in range(3)]
    assert not is_blessed([])
    assert is_blessed([good, skipped])
    assert reasons([good, skipped, bad, *slices]) == ["c is bad"]
    assert reasons([good, skipped, *slices]) == [
        "a is fine",
        "b is lost",
        "none of 3 slices falls behind the last blessed model",
    ]


@pytest.mark.parametrize(
    ("sessions", "passes"), [(1, True), (19, True), (20, False), (None, False)]
)
def test_few_sessions_prove_no_loss(sessions: int | None, passes: bool) -> None:
    found = MetricEstimate(-0.5, (-0.5, -0.5), 40, sessions)
    check = change_check(found, RECALL, -0.05, SLICE_CHANGE)
    assert check.passed == passes
    assert ("sessions only" in check.reason or "1 session only" in check.reason) == passes


def test_sessions_are_counted_where_a_slice_has_steps() -> None:
    ranks = {CANDIDATE: [[50], [50, 50, 1]], LAST_BLESSED: [[1], [1, 1, 1]]}
    estimates = MetricEstimates(make_table(**ranks), [RECALL], BOUNDS, 100, 1)
    found = estimates.difference(RECALL, CANDIDATE, LAST_BLESSED, 0.95)
    assert (found.n, found.sessions) == (4, 2)
    assert change_check(found, RECALL, -0.05).passed
