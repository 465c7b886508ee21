"""The checks of limits on metrics beyond accuracy; NumPy only."""

from __future__ import annotations

import math
from collections.abc import Iterable

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.beyond_accuracy import (
    POPULARITY_RATIO,
    RecommendationStats,
    coverage_name,
)
from modules.evaluation.metrics import none_for_nan
from modules.gate.check_record import SKIPPED, outcome
from modules.gate.metric_checks import LIMIT, MetricCheck


def limit_checks(stats: RecommendationStats, options: ModelGateOptions) -> Iterable[MetricCheck]:
    """Yields a check per limit that is set on a metric beyond accuracy."""
    if options.min_coverage is not None:
        yield _coverage_check(stats, options.min_coverage, options.coverage_prefixes)
    if options.max_popularity_ratio is not None:
        meaning = "mean popularity of recommended items to that of targets"
        ratio, high = stats.ratios()[POPULARITY_RATIO], options.max_popularity_ratio
        yield limit_check(POPULARITY_RATIO, ratio, None, high, stats.prefixes, meaning)


def _coverage_check(stats: RecommendationStats, low: float, needed: int) -> MetricCheck:
    """Compares coverage at a fixed number of prefixes; skipped if fewer were evaluated."""
    name, found = coverage_name(needed), stats.prefixes
    if 0 < found < needed:
        reason = (
            f"{name}: {found:,} prefixes were evaluated, and coverage is compared at {needed:,} "
            "(gate.coverage_prefixes)"
        )
        return MetricCheck(name, SKIPPED, reason, LIMIT, low, n=found)
    meaning = f"share of the training data's items that {needed:,} prefixes recommend"
    return limit_check(name, stats.expected_coverage(needed), low, None, found, meaning)


def limit_check(
    metric: str, value: float, low: float | None, high: float | None, n: int, meaning: str
) -> MetricCheck:
    """Compares a metric beyond accuracy with its lowest or highest allowed value."""
    passed = (low is None or value >= low) and (high is None or value <= high)
    limit = low if low is not None else high
    side = "below" if low is not None else "above"
    relation = f"is not {side}" if passed else f"is {side}"
    reason = f"{metric}: {value:.4f} {relation} the limit {limit:g} ({meaning})"
    if math.isnan(value):
        reason = f"{metric}: nothing to measure"
    verdict, found = outcome(passed), none_for_nan(value)
    return MetricCheck(metric, verdict, reason, LIMIT, limit, found, n=n, limit_is_high=low is None)
