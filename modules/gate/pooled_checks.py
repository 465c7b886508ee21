"""Checks over several days together: what one day's noise hides; NumPy only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.intervals import MetricEstimate
from modules.gate.check_record import FAILED, SKIPPED
from modules.gate.day_records import DayRecord, PairedDifference
from modules.gate.metric_checks import (
    BASELINE,
    CHANGE,
    MetricCheck,
    baseline_check,
    change_check,
)


def pooled_mean(days: Sequence[PairedDifference], confidence: float) -> MetricEstimate:
    """Returns the mean difference over the steps of independent days, with its normal interval.

    The mean of the days' differences, weighted by their steps; its variance is the sum of theirs
    times the squared weights.
    """
    n = sum(day.n for day in days)
    mean = sum(day.difference * day.n for day in days) / n
    deviation = math.sqrt(sum(day.variance * (day.n / n) ** 2 for day in days))
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * deviation
    return MetricEstimate(mean, (mean - reach, mean + reach), n)


def with_pooled_checks(
    checks: Sequence[MetricCheck],
    today: DayRecord,
    earlier: Sequence[DayRecord],
    options: ModelGateOptions,
) -> list[MetricCheck]:
    """Returns the checks of today and those over all days.

    A baseline that today alone neither is nor is not beaten beyond noise is left to the days
    together. Of the changes, which add up from day to day, only those of models count that were
    blessed and served: a model that was not pushed, or was rolled back from, changed nothing.

    Args:
      checks: checks of today alone.
      today: differences behind them.
      earlier: the days before, in order.
      options: options of the gate.
    """
    served = {day.against for day in (*earlier, today)}
    counting = [
        (day, day.blessed and (None in (day.span, today.against) or day.span in served))
        for day in earlier
    ]
    pooled = {
        key: check
        for key, difference in today.differences.items()
        if (check := _pooled_check(difference, counting, options))
    }
    alone = [
        _left_to(check, pooled.get((check.kind, check.name, check.against))) for check in checks
    ]
    return [*alone, *pooled.values()]


def _pooled_check(
    today: PairedDifference,
    earlier: Iterable[tuple[DayRecord, bool]],
    options: ModelGateOptions,
) -> MetricCheck | None:
    """Returns the check over all days that count; None for today alone.

    Args:
      today: difference of today.
      earlier: the days before, and whether the model of each has served.
      options: options of the gate.
    """
    days = [
        found
        for day, has_served in earlier
        if (found := day.differences.get(today.key)) and _counts(found, has_served, options)
    ]
    if not days:
        return None
    days.append(today)
    estimate, count = pooled_mean(days, options.confidence), len(days)
    name = f"{today.metric} over {count} days"
    if today.kind == CHANGE:
        threshold = options.change_thresholds[today.metric]
        check = change_check(_times(estimate, count), name, threshold)
    else:
        check = baseline_check(estimate, name, str(today.against), options.beat_margin)
    return dataclasses.replace(check, days=count)


def _counts(found: PairedDifference, has_served: bool, options: ModelGateOptions) -> bool:
    """Returns whether a past day takes part: no single bad day refuses all models after it."""
    if found.kind == CHANGE:
        return has_served
    interval = pooled_mean([found], options.confidence).interval
    return interval is not None and interval[1] >= options.beat_margin


def _times(estimate: MetricEstimate, days: int) -> MetricEstimate:
    """Returns what a mean difference a day adds up to."""
    low, high = estimate.interval or (math.nan, math.nan)
    return MetricEstimate(days * estimate.value, (days * low, days * high), estimate.n)


def _left_to(check: MetricCheck, pooled: MetricCheck | None) -> MetricCheck:
    """Returns today's check of a baseline, skipped if noise can explain it and days are pooled."""
    is_undecided = (
        check.kind == BASELINE
        and check.verdict == FAILED
        and check.interval is not None
        and check.threshold is not None
        and check.interval[1] >= check.threshold
    )
    if not is_undecided or pooled is None:
        return check
    reason = f"{check.reason}; {pooled.days} days together decide"
    return dataclasses.replace(check, verdict=SKIPPED, reason=reason)
