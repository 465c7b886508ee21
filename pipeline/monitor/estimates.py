"""Metrics of groups of requests with intervals, and their differences; NumPy only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.evaluation.bootstrap import (
    Interval,
    percentile_interval,
    ratios,
    resampled_sums,
    sampling_units,
)
from modules.evaluation.metrics import none_for_nan
from modules.gate.metric_checks import FEWEST_SESSIONS

WORSE, BETTER, NOT_SHOWN = "worse", "better", "no difference shown"


class Metric(NamedTuple):
    """A mean over requests.

    Attributes:
      values: a value for each request, float `[requests]`.
      counted: requests that it is over, bool `[requests]`.
      higher_is_better: whether more is better.
    """

    values: FloatArray
    counted: BoolArray
    higher_is_better: bool


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean, or the difference of two.

    Attributes:
      value: None over nothing.
      interval: bootstrap interval over sessions; None over nothing.
      n: number of requests.
      sessions: number of their sessions.
    """

    value: float | None
    interval: Interval | None
    n: int
    sessions: int

    def as_json(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {**dataclasses.asdict(self), "interval": self.interval and list(self.interval)}


@dataclasses.dataclass(frozen=True)
class Difference:
    """A metric of one group minus that of another, whose sessions are others.

    Attributes:
      value: None if one of them is over nothing.
      interval: bootstrap interval; both groups are drawn independently.
      sessions: sessions of the smaller group.
      verdict: `worse`, `better` or `no difference shown`, of the first group.
      reason: the verdict as a sentence.
    """

    value: float | None
    interval: Interval | None
    sessions: int
    verdict: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {**dataclasses.asdict(self), "interval": self.interval and list(self.interval)}


class Group:
    """Metrics of some requests, all from the same draws of their sessions."""

    def __init__(
        self,
        metrics: Mapping[str, Metric],
        session: IntArray,
        chosen: BoolArray,
        resamples: int,
        seed: int,
    ) -> None:
        """Draws sessions.

        Args:
          metrics: metrics of all requests by name.
          session: session of each request, int64 `[requests]`.
          chosen: the group's requests, bool `[requests]`.
          resamples: number of draws.
          seed: seed of the draws.
        """
        rows = np.flatnonzero(chosen)
        _, number = np.unique(session[rows], return_inverse=True)
        sessions = int(number.max(initial=-1)) + 1
        unit = sampling_units(sessions, seed)[number]
        units = int(unit.max(initial=-1)) + 1
        self._column = {name: place for place, name in enumerate(metrics)}
        self._n: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        sums: list[FloatArray] = []
        for name, metric in metrics.items():
            counted = metric.counted[rows]
            self._n[name] = int(np.count_nonzero(counted))
            self._sessions[name] = len(np.unique(number[counted]))
            values = metric.values[rows][counted]
            for column in (values, np.ones(len(values))):
                sums.append(np.bincount(unit[counted], column, minlength=units).astype(float))
        per_unit = np.stack(sums, axis=1) if sums else np.zeros((units, 0))
        totals = per_unit.sum(axis=0)
        self._values = ratios(totals[0::2], totals[1::2])
        drawn = resampled_sums(per_unit, resamples, seed)
        self._drawn = ratios(drawn[:, 0::2], drawn[:, 1::2])

    def estimate(self, name: str, confidence: float) -> Estimate:
        """Returns a metric with its interval."""
        column = self._column[name]
        return Estimate(
            none_for_nan(float(self._values[column])),
            percentile_interval(self._drawn[:, column], confidence),
            self._n[name],
            self._sessions[name],
        )

    def difference(
        self, other: Group, name: str, confidence: float, higher_is_better: bool
    ) -> Difference:
        """Returns by how much a metric of this group is above that of another one.

        Args:
          other: group of other sessions, drawn with another seed.
          name: name of the metric.
          confidence: confidence level of the interval.
          higher_is_better: whether more is better.
        """
        column = self._column[name]
        value = none_for_nan(float(self._values[column] - other._values[column]))
        drawn = self._drawn[:, column] - other._drawn[:, column]
        interval = percentile_interval(drawn, confidence)
        sessions = min(self._sessions[name], other._sessions[name])
        return _verdict(value, interval, sessions, higher_is_better)


def _verdict(
    value: float | None, interval: Interval | None, sessions: int, higher_is_better: bool
) -> Difference:
    """Compares an interval with 0; few sessions prove nothing.

    >>> [_verdict(-0.2, (-0.3, -0.1), sessions, True).verdict for sessions in (50, 19)]
    ['worse', 'no difference shown']
    """
    if value is None or interval is None:
        return Difference(value, None, sessions, NOT_SHOWN, "nothing to compare")
    if sessions < FEWEST_SESSIONS:
        reason = f"of {sessions} sessions only, below {FEWEST_SESSIONS}"
        return Difference(value, interval, sessions, NOT_SHOWN, reason)
    low, high = interval
    if low <= 0 <= high:
        return Difference(value, interval, sessions, NOT_SHOWN, "noise can explain the difference")
    verdict = BETTER if (low > 0) == higher_is_better else WORSE
    return Difference(value, interval, sessions, verdict, "noise does not explain the difference")


def overall(verdicts: Sequence[str]) -> str:
    """Returns the verdict on several metrics: worse if any is, else better if any is.

    >>> overall(["better", "worse"]), overall(["no difference shown", "better"]), overall([])
    ('worse', 'better', 'no difference shown')
    """
    return next((found for found in (WORSE, BETTER) if found in verdicts), NOT_SHOWN)
