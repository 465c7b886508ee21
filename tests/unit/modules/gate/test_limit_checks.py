"""Limits on metrics beyond accuracy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.beyond_accuracy import RecommendationStats
from modules.evaluation.item_history import item_history
from modules.gate.check_record import FAILED, PASSED, SKIPPED
from modules.gate.limit_checks import limit_check, limit_checks
from tests.rank_tables import ids


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [
        (0.5, 0.5, None, True),
        (0.49, 0.5, None, False),
        (2.0, None, 2.0, True),
        (2.1, None, 2.0, False),
        (math.nan, 0.5, None, False),
        (math.nan, None, 2.0, False),
    ],
)
def test_limits(value: float, low: float | None, high: float | None, passed: bool) -> None:
    assert limit_check("x", value, low, high, 10, "words").passed == passed


def _stats(prefixes: int) -> RecommendationStats:
    """Returns what a model does that recommends a, b for every prefix, of a, b, c, d."""
    stats = RecommendationStats(item_history([(ids("a", "b", "c", "d"), np.arange(4))]))
    shown = np.tile(ids("a", "b"), (prefixes, 1))
    scores = np.ones((prefixes, 2))
    stats.add(np.arange(prefixes), [[b"c"]] * prefixes, ids(*"d" * prefixes), shown, scores)
    return stats


@pytest.mark.parametrize(
    ("low", "prefixes", "verdict", "words"),
    [
        (0.5, 100, PASSED, "coverage@20/100: 0.5000 is not below the limit 0.5 (share of the"),
        (0.6, 250, FAILED, "coverage@20/100: 0.5000 is below the limit 0.6"),
        (0.6, 99, SKIPPED, "coverage@20/100: 99 prefixes were evaluated, and coverage is compared"),
        (0.6, 0, FAILED, "coverage@20/100: nothing to measure"),
    ],
)
def test_coverage_is_compared_at_a_fixed_number_of_prefixes(
    low: float, prefixes: int, verdict: str, words: str
) -> None:
    options = ModelGateOptions(min_coverage=low, coverage_prefixes=100)
    (check,) = limit_checks(_stats(prefixes), options)
    assert (check.verdict, check.n, check.threshold) == (verdict, prefixes, low)
    assert check.reason.startswith(words)


def test_more_prefixes_to_compare_at_than_are_evaluated_are_a_mistake() -> None:
    problems = ModelGateOptions(max_prefixes=500).problems()
    assert problems == [
        "coverage_prefixes must not exceed max_prefixes = 500, got 1000: coverage would never be "
        "compared"
    ]
