"""The checks of a model by its metrics: what each found and why; NumPy only.

A check never raises: what cannot be measured is refused, or skipped by a rule that its reason
names.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modules.config.gate import GateOptions
from modules.evaluation.beyond_accuracy import COVERAGE, POPULARITY_RATIO, RecommendationStats
from modules.evaluation.bootstrap import Interval
from modules.evaluation.intervals import MetricEstimate, MetricEstimates
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.check import FAILED, SKIPPED, Check, outcome

# What kinds of checks there are, in the order of the verdict.
MODEL, AGREEMENT, VALUE, BASELINE, CHANGE, SLICE_CHANGE, LIMIT = (
    "model",
    "agreement",
    "value",
    "baseline",
    "change",
    "slice_change",
    "limit",
)
STEPS_JUDGED = "honest/all/n"
FILE_NAME = "verdict.json"


@dataclasses.dataclass(frozen=True)
class MetricCheck(Check):
    """A check of a model; its name is a metric, or what else was looked at.

    Attributes:
      kind: `model` (can it be evaluated), `agreement` (do two counts of the same thing agree),
        `value` (a metric against a threshold), `baseline` (the difference to a baseline), `change`
        and `slice_change` (the difference to the last blessed model), `limit` (a metric beyond
        accuracy).
      threshold: what `value`, or the lower end of its interval, is compared with.
      value: the metric, or the difference for comparisons; None over nothing.
      interval: interval of `value`.
      n: steps or prefixes behind it.
      against: name of the baseline of a comparison.
      limit_is_high: whether the threshold is the highest value allowed, not the lowest.
    """

    kind: str
    threshold: float | None = None
    value: float | None = None
    interval: Interval | None = None
    n: int | None = None
    against: str | None = None
    limit_is_high: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns the check as JSON can hold it; its name is called `metric`."""
        plain = super().as_json()
        return {"metric": plain.pop("name"), **plain}


def lost_model(metric: str, named: str, required: bool) -> MetricCheck:
    """Returns the check of a last blessed model that cannot be used; `named` says which and why."""
    if required:
        reason = f"{named}; require_last_blessed refuses all others meanwhile"
        return MetricCheck(metric, FAILED, reason, MODEL)
    reason = (
        f"{named}; the model is evaluated without it, so that a lost model does not block all that "
        "come after it"
    )
    return MetricCheck(metric, SKIPPED, reason, MODEL)


def value_check(figure: MetricEstimate, metric: str, threshold: float) -> MetricCheck:
    """Compares a metric with the least value that is blessed; no interval, the value counts."""
    passed = figure.value >= threshold
    relation = "is not below" if passed else "is below"
    found = "nothing to measure" if math.isnan(figure.value) else _number(figure.value)
    reason = f"{metric}: {found} {relation} the threshold {_number(threshold)}"
    return _check(VALUE, metric, passed, reason, threshold, figure)


def baseline_check(
    figure: MetricEstimate, metric: str, baseline: str, margin: float
) -> MetricCheck:
    """Passes a model that beats a baseline: the difference's interval lies above the margin."""
    passed = figure.interval is not None and figure.interval[0] > margin
    limit = f"{margin:g}"
    if figure.interval is None:
        reason = f"{metric}: nothing to measure, so {baseline} is not beaten"
    elif passed:
        reason = f"{metric}: beats {baseline} by {_span(figure)}, above {limit}"
    elif figure.interval[1] < margin:
        reason = f"{metric}: is worse than {baseline}, by {_span(figure)}, margin {limit}"
    else:
        reason = (
            f"{metric}: does not beat {baseline} beyond noise, by {_span(figure)}: the interval "
            f"must lie above {limit}"
        )
    return _check(BASELINE, metric, passed, reason, margin, figure, against=baseline)


def change_check(
    figure: MetricEstimate, metric: str, threshold: float, kind: str = CHANGE
) -> MetricCheck:
    """Fails a model that falls behind the last blessed one.

    It does if it loses more than the threshold, and noise does not explain a loss: the interval
    lies below 0. So an equal model passes, and one on few steps is not refused by chance; a loss
    that is sure but within the threshold is what the threshold is there to allow.
    """
    beyond = figure.value < threshold
    proven = figure.interval is not None and figure.interval[1] < 0
    passed = not (beyond and proven) and not math.isnan(figure.value)
    change = f"{metric}: change from the last blessed model {_span(figure)}"
    if math.isnan(figure.value):
        if kind == SLICE_CHANGE:
            reason = f"{metric}: no step in this slice"
            return MetricCheck(metric, SKIPPED, reason, kind, threshold, n=0)
        reason = f"{metric}: nothing to measure"
    elif not passed:
        reason = f"{change} is below the limit {threshold:+g}, beyond noise"
    elif beyond:
        reason = f"{change} is below the limit {threshold:+g}, but noise can explain it"
    else:
        reason = f"{change} is not below the limit {threshold:+g}"
    return _check(kind, metric, passed, reason, threshold, figure)


def limit_check(
    metric: str, value: float, low: float | None, high: float | None, n: int, meaning: str
) -> MetricCheck:
    """Compares a figure beyond accuracy with its lowest or highest allowed value."""
    passed = (low is None or value >= low) and (high is None or value <= high)
    limit = low if low is not None else high
    side = "below" if low is not None else "above"
    relation = f"is not {side}" if passed else f"is {side}"
    reason = f"{metric}: {value:.4f} {relation} the limit {limit:g} ({meaning})"
    found: float | None = value
    if math.isnan(value):
        reason, found = f"{metric}: nothing to measure", None
    return MetricCheck(
        metric, outcome(passed), reason, LIMIT, limit, found, n=n, limit_is_high=low is None
    )


def _check(
    kind: str,
    metric: str,
    passed: bool,
    reason: str,
    threshold: float,
    figure: MetricEstimate,
    against: str | None = None,
) -> MetricCheck:
    value = None if math.isnan(figure.value) else figure.value
    return MetricCheck(
        metric,
        outcome(passed),
        reason,
        kind,
        threshold,
        value,
        figure.interval,
        figure.n,
        against,
    )


def _number(value: float) -> str:
    """Formats a share with four digits, a count in full."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def _span(figure: MetricEstimate) -> str:
    if figure.interval is None:
        return f"{figure.value:+.4f}"
    low, high = figure.interval
    return f"{figure.value:+.4f} [{low:+.4f}, {high:+.4f}]"


def threshold_checks(figures: MetricEstimates, options: GateOptions) -> list[MetricCheck]:
    """Returns a check per absolute threshold; that anything was evaluated at all is the first."""
    return [
        value_check(figures.figure(name, CANDIDATE, options.confidence), name, threshold)
        for name, threshold in {STEPS_JUDGED: 1.0, **options.thresholds}.items()
    ]


def baseline_checks(
    figures: MetricEstimates, options: GateOptions, evaluated: Sequence[str]
) -> Iterable[MetricCheck]:
    """Yields a check per named baseline and metric; one that was not evaluated is not beaten."""
    for metric in options.beat_metrics:
        for baseline in options.beat_baselines:
            if baseline not in evaluated:
                known = ", ".join(evaluated) or "none"
                reason = f"{metric}: {baseline} was not evaluated, the baselines are: {known}"
                yield MetricCheck(metric, FAILED, reason, BASELINE, against=baseline)
                continue
            figure = figures.difference(metric, CANDIDATE, baseline, options.confidence)
            yield baseline_check(figure, metric, baseline, options.beat_margin)


def change_checks(
    figures: MetricEstimates, options: GateOptions, slices: Mapping[str, float]
) -> Iterable[MetricCheck]:
    """Yields a check per comparison with the last blessed model, metrics first, then slices.

    Args:
      figures: with the columns of both models.
      options: thresholds and confidence.
      slices: metric of each slice -> threshold; their intervals are Bonferroni's.
    """
    for metric, threshold in options.change_thresholds.items():
        figure = figures.difference(metric, CANDIDATE, LAST_BLESSED, options.confidence)
        yield change_check(figure, metric, threshold)
    confidence = 1 - (1 - options.confidence) / max(len(slices), 1)
    for metric, threshold in slices.items():
        figure = figures.difference(metric, CANDIDATE, LAST_BLESSED, confidence)
        yield change_check(figure, metric, threshold, SLICE_CHANGE)


def limit_checks(tally: RecommendationStats, options: GateOptions) -> Iterable[MetricCheck]:
    """Yields a check per limit of a metric beyond accuracy that is set."""
    if options.min_coverage is not None:
        meaning = "share of the training data's items that is recommended at all"
        yield limit_check(
            COVERAGE, tally.coverage, options.min_coverage, None, tally.prefixes, meaning
        )
    if options.max_popularity_ratio is not None:
        meaning = "mean popularity of recommended items to that of targets"
        ratio = tally.ratios()[POPULARITY_RATIO]
        yield limit_check(
            POPULARITY_RATIO, ratio, None, options.max_popularity_ratio, tally.prefixes, meaning
        )


def is_blessed(checks: Sequence[MetricCheck]) -> bool:
    """Blesses a model that no check refuses."""
    return bool(checks) and all(check.passed for check in checks)


def reasons(checks: Sequence[MetricCheck]) -> list[str]:
    """Returns why a model is not blessed, else all that speaks for it; slices in one line."""
    if not is_blessed(checks):
        return [check.reason for check in checks if not check.passed]
    slices = [check for check in checks if check.kind == SLICE_CHANGE]
    found = [check.reason for check in checks if check.kind != SLICE_CHANGE]
    if slices:
        found.append(f"none of {len(slices)} slices falls behind the last blessed model")
    return found
