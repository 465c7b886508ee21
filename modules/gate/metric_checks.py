"""The checks of a model by its metrics; NumPy only.

A check never raises: what cannot be measured fails, or is skipped by a rule that its reason names.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.bootstrap import Interval
from modules.evaluation.intervals import MetricEstimate, MetricEstimates
from modules.evaluation.metric_names import MetricName
from modules.evaluation.metrics import none_for_nan
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.check_record import FAILED, PASSED, SKIPPED, Check, outcome
from modules.messages.counting import counted

# Kinds of checks, in the order of the verdict.
MODEL, AGREEMENT, VALUE, BASELINE = "model", "agreement", "value", "baseline"
CHANGE, SLICE_CHANGE, LIMIT = "change", "slice_change", "limit"
STEPS_EVALUATED = "honest/all/n"
FILE_NAME = "verdict.json"
FEWEST_SESSIONS = 20
"""Sessions below which an interval by the bootstrap over sessions proves no loss."""


@dataclasses.dataclass(frozen=True)
class MetricCheck(Check):
    """A check of a model.

    Attributes:
      kind: `model` (can it be evaluated), `agreement` (do two counts of the same thing agree),
        `value` (a metric against a threshold), `baseline` (the difference to a baseline), `change`
        and `slice_change` (the difference to the last blessed model), `limit` (a metric beyond
        accuracy).
      threshold: limit of `value`, or of the lower end of its interval.
      value: the metric, or the difference for comparisons; None over nothing.
      interval: interval of `value`.
      n: number of steps or prefixes that `value` is over.
      against: name of the baseline of a comparison.
      limit_is_high: whether the threshold is the highest value allowed, not the lowest.
      days: number of days that `value` is over, None for today's alone.
    """

    kind: str
    threshold: float | None = None
    value: float | None = None
    interval: Interval | None = None
    n: int | None = None
    against: str | None = None
    limit_is_high: bool = False
    days: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the check as plain values for JSON, its name as `metric`."""
        plain = super().as_json()
        return {"metric": plain.pop("name"), **plain}


def lost_model(metric: str, named: str, required: bool) -> MetricCheck:
    """Returns the check of a last blessed model that cannot be used; `named` says which and why."""
    if required:
        reason = f"{named}; require_last_blessed refuses all others meanwhile"
    else:
        reason = f"{named}; the model is evaluated without it, so that it does not block later ones"
    return MetricCheck(metric, FAILED if required else SKIPPED, reason, MODEL)


def left_out_model(metric: str, named: str) -> MetricCheck:
    """Returns the check of a last blessed model that is no baseline; `named` says which and why."""
    reason = f"{named}: it is no baseline, and the model is evaluated without it"
    return MetricCheck(metric, SKIPPED, reason, MODEL)


def value_check(estimate: MetricEstimate, metric: str, threshold: float) -> MetricCheck:
    """Compares a metric with the lowest value that is blessed; its interval does not count."""
    passed = estimate.value >= threshold
    relation = "is not below" if passed else "is below"
    found = "nothing to measure" if math.isnan(estimate.value) else _number(estimate.value)
    reason = f"{metric}: {found} {relation} the threshold {_number(threshold)}"
    return _check(VALUE, metric, passed, reason, threshold, estimate)


def baseline_check(
    estimate: MetricEstimate, metric: str, baseline: str, margin: float
) -> MetricCheck:
    """Passes a model that beats a baseline: the interval of the difference is above the margin."""
    passed = estimate.interval is not None and estimate.interval[0] > margin
    limit = f"{margin:g}"
    if estimate.interval is None:
        reason = f"{metric}: nothing to measure, so {baseline} is not beaten"
    elif passed:
        reason = f"{metric}: beats {baseline} by {_span(estimate)}, above {limit}"
    elif estimate.interval[1] < margin:
        reason = f"{metric}: is worse than {baseline}, by {_span(estimate)}, margin {limit}"
    else:
        reason = (
            f"{metric}: does not beat {baseline} beyond noise, by {_span(estimate)}: the interval "
            f"must lie above {limit}"
        )
    return _check(BASELINE, metric, passed, reason, margin, estimate, against=baseline)


def change_check(
    estimate: MetricEstimate, metric: str, threshold: float, kind: str = CHANGE
) -> MetricCheck:
    """Fails a model that falls behind the last blessed one.

    It fails if it loses more than the threshold allows and noise does not explain the loss: the
    interval lies below 0. So an equal model passes, and few steps do not refuse a model by chance:
    draws of fewer than `FEWEST_SESSIONS` sessions do not vary as much as other sessions would.
    In a slice, only steps count that both models can answer; without any, the check is skipped.
    """
    beyond = estimate.value < threshold
    proven = estimate.interval is not None and estimate.interval[1] < 0
    if too_few := estimate.sessions is not None and estimate.sessions < FEWEST_SESSIONS:
        proven = False
    passed = not (beyond and proven) and not math.isnan(estimate.value)
    change = f"{metric}: change from the last blessed model {_span(estimate)}"
    if math.isnan(estimate.value):
        if MetricName.parse(metric).slice_name:
            reason = f"{metric}: no step in this slice has a target that both models can recommend"
            return MetricCheck(metric, SKIPPED, reason, kind, threshold, n=0)
        reason = f"{metric}: nothing to measure"
    elif not passed:
        reason = f"{change} is below the limit {threshold:+g}, beyond noise"
    elif beyond and too_few:
        of_sessions = counted(estimate.sessions or 0, "session")
        reason = f"{change} is below the limit {threshold:+g}, but of {of_sessions} only"
    elif beyond:
        reason = f"{change} is below the limit {threshold:+g}, but noise can explain it"
    else:
        reason = f"{change} is not below the limit {threshold:+g}"
    return _check(kind, metric, passed, reason, threshold, estimate)


def _check(
    kind: str,
    metric: str,
    passed: bool,
    reason: str,
    threshold: float,
    estimate: MetricEstimate,
    against: str | None = None,
) -> MetricCheck:
    value, interval = none_for_nan(estimate.value), estimate.interval
    verdict = outcome(passed)
    return MetricCheck(
        metric, verdict, reason, kind, threshold, value, interval, estimate.n, against
    )


def _number(value: float) -> str:
    """Formats a share with four digits, a count in full."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def _span(estimate: MetricEstimate) -> str:
    if estimate.interval is None:
        return f"{estimate.value:+.4f}"
    low, high = estimate.interval
    return f"{estimate.value:+.4f} [{low:+.4f}, {high:+.4f}]"


def threshold_checks(estimates: MetricEstimates, options: ModelGateOptions) -> list[MetricCheck]:
    """Returns a check per absolute threshold, after one that a step was evaluated at all."""
    return [
        value_check(estimates.estimate(name, CANDIDATE, options.confidence), name, threshold)
        for name, threshold in {STEPS_EVALUATED: 1.0, **options.thresholds}.items()
    ]


def baseline_checks(
    estimates: MetricEstimates, options: ModelGateOptions, evaluated: Sequence[str]
) -> Iterable[MetricCheck]:
    """Yields a check per named baseline and metric; one that was not evaluated fails."""
    for metric in options.beat_metrics:
        for baseline in options.beat_baselines:
            if baseline not in evaluated:
                known = ", ".join(evaluated) or "none"
                reason = f"{metric}: {baseline} was not evaluated, the baselines are: {known}"
                yield MetricCheck(metric, FAILED, reason, BASELINE, against=baseline)
                continue
            estimate = estimates.difference(metric, CANDIDATE, baseline, options.confidence)
            yield baseline_check(estimate, metric, baseline, options.beat_margin)


def change_checks(
    estimates: MetricEstimates,
    comparable: MetricEstimates,
    options: ModelGateOptions,
    slices: Mapping[str, float],
) -> Iterable[MetricCheck]:
    """Yields a check per comparison with the last blessed model, metrics first, then slices.

    Args:
      estimates: metrics of both models, over all steps.
      comparable: metrics of slices, over the steps that both models can answer.
      options: thresholds and confidence.
      slices: threshold by metric of a slice; the intervals have Bonferroni's correction.
    """
    for metric, threshold in options.change_thresholds.items():
        of_metric = comparable if MetricName.parse(metric).slice_name else estimates
        estimate = of_metric.difference(metric, CANDIDATE, LAST_BLESSED, options.confidence)
        yield change_check(estimate, metric, threshold)
    compared = sum(comparable.n(metric) > 0 for metric in slices)
    confidence = 1 - (1 - options.confidence) / max(compared, 1)
    for metric, threshold in slices.items():
        estimate = comparable.difference(metric, CANDIDATE, LAST_BLESSED, confidence)
        yield change_check(estimate, metric, threshold, SLICE_CHANGE)


def is_blessed(checks: Sequence[MetricCheck]) -> bool:
    """Returns whether no check fails, of at least one."""
    return bool(checks) and all(check.passed for check in checks)


def reasons(checks: Sequence[MetricCheck]) -> list[str]:
    """Returns why a model is not blessed, or else why it is; slices share a line."""
    if not is_blessed(checks):
        return [check.reason for check in checks if not check.passed]
    slices = sum(check.kind == SLICE_CHANGE and check.verdict == PASSED for check in checks)
    found = [check.reason for check in checks if check.kind != SLICE_CHANGE]
    if slices:
        found.append(f"none of {counted(slices, 'slice')} falls behind the last blessed model")
    return found
