"""Every metric of every column of the rank table, with intervals, and paired differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.evaluation.bootstrap import (
    Interval,
    percentile_interval,
    ratios,
    resampled_sums,
    sampling_units,
)
from modules.evaluation.metric_names import MetricName
from modules.evaluation.metrics import PER_STEP
from modules.evaluation.rank_table import RankTable
from modules.evaluation.slice_names import Bounds


def metric_mask(table: RankTable, name: str, bounds: Bounds) -> BoolArray:
    """Returns which steps a metric is over, bool `[steps]`."""
    parsed = MetricName.parse(name)
    counted = table.counted(parsed.view, parsed.steps)
    return counted & table.in_slice(parsed.slice_name, bounds) if parsed.slice_name else counted


@dataclasses.dataclass(frozen=True)
class MetricEstimate:
    """A mean over steps, or a difference of two.

    Attributes:
      value: the mean; NaN over no step.
      interval: bootstrap interval over sessions; None over no step.
      n: number of steps.
      sessions: number of sessions that they are of, at least; None if it is unknown.
    """

    value: float
    interval: Interval | None
    n: int
    sessions: int | None = None


class MetricEstimates:
    """Metrics of all columns of a rank table, all from the same draws of sessions."""

    def __init__(
        self,
        table: RankTable,
        names: Sequence[str],
        bounds: Bounds,
        resamples: int,
        seed: int,
        within: BoolArray | None = None,
    ) -> None:
        """Draws sessions and computes the metrics.

        Args:
          table: ranks by step and column.
          names: full names of the metrics, slices included.
          bounds: upper bounds of the slices by feature.
          resamples: number of draws.
          seed: seed of the draws.
          within: steps that may count, bool `[steps]`; None for all.
        """
        self._within = np.ones(len(table.known), bool) if within is None else within
        wanted = list(dict.fromkeys(names))
        self._columns = list(table.ranks)
        self._row = {name: row for row, name in enumerate(wanted)}
        self._n: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        unit = sampling_units(len(table.session_ids), seed)
        units = int(unit.max(initial=-1)) + 1
        per_unit = np.zeros((units, len(wanted), len(self._columns) + 1))
        for row, name in enumerate(wanted):
            per_unit[:, row] = self._sums(table, name, bounds, unit[table.session], units)
        self._values = _means(per_unit.sum(axis=0))
        shape = per_unit.shape[1:]
        drawn = resampled_sums(per_unit.reshape(units, shape[0] * shape[1]), resamples, seed)
        self._drawn = _means(drawn.reshape(resamples, *shape))

    def _sums(
        self, table: RankTable, name: str, bounds: Bounds, unit: IntArray, units: int
    ) -> FloatArray:
        """Returns sums of each column's values, then of steps, float `[units, columns + 1]`."""
        parsed = MetricName.parse(name)
        mask = metric_mask(table, name, bounds) & self._within
        self._n[name] = int(np.count_nonzero(mask))
        ones = np.ones(self._n[name])
        values = [
            ones
            if parsed.metric == "n"
            else PER_STEP[parsed.metric](table.ranks_in(parsed.view, column)[mask], parsed.k)
            for column in self._columns
        ]
        of_mask = unit[mask]
        sums = [np.bincount(of_mask, each, minlength=units) for each in (*values, ones)]
        self._sessions[name] = int(np.count_nonzero(sums[-1]))
        return np.stack(sums, axis=1)

    def n(self, name: str) -> int:
        """Returns the number of steps behind a metric."""
        return self._n[name]

    def value(self, name: str, column: str) -> float:
        """Returns a metric of a column; NaN over no step."""
        if name.split("/")[2] == "n":
            return float(self._n[name])
        return float(self._values[self._row[name], self._columns.index(column)])

    def estimate(self, name: str, column: str, confidence: float) -> MetricEstimate:
        """Returns a metric of a column with its interval; a count of steps has none."""
        if MetricName.parse(name).metric == "n":
            return MetricEstimate(self.value(name, column), None, self._n[name])
        drawn = self._drawn[:, self._row[name], self._columns.index(column)]
        interval = percentile_interval(drawn, confidence)
        return MetricEstimate(self.value(name, column), interval, self._n[name])

    def difference(self, name: str, column: str, other: str, confidence: float) -> MetricEstimate:
        """Returns the difference of two columns with the interval of the paired draws."""
        row = self._row[name]
        of_column, of_other = (self._columns.index(each) for each in (column, other))
        drawn = self._drawn[:, row, of_column] - self._drawn[:, row, of_other]
        value = self.value(name, column) - self.value(name, other)
        interval = percentile_interval(drawn, confidence)
        return MetricEstimate(value, interval, self._n[name], self._sessions[name])

    def difference_variance(self, name: str, column: str, other: str) -> float:
        """Returns the variance of the difference of two columns over the draws; NaN without any."""
        row = self._row[name]
        of_column, of_other = (self._columns.index(each) for each in (column, other))
        drawn = self._drawn[:, row, of_column] - self._drawn[:, row, of_other]
        finite = drawn[np.isfinite(drawn)]
        return float(finite.var(ddof=1)) if len(finite) > 1 else float("nan")


def _means(sums: FloatArray) -> FloatArray:
    """Divides sums `[..., columns + 1]` by their last column, the number of steps."""
    return ratios(sums[..., :-1], sums[..., -1:])
