"""From the rank table to the content of `verdict.json`; NumPy only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from modules.config.gate import GateOptions
from modules.evaluation.intervals import MetricEstimates, metric_mask
from modules.evaluation.item_history import ItemHistory
from modules.evaluation.metric_names import MetricName, slice_names
from modules.evaluation.metrics import headline_names
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
    RankTable,
    all_metrics,
)
from modules.evaluation.slices import Bounds
from modules.evaluation.tfma_results import in_order, plain_value
from modules.gate.checks import (
    AGREEMENT,
    LIMIT,
    MODEL,
    STEPS_JUDGED,
    MetricCheck,
    baseline_checks,
    change_checks,
    is_blessed,
    reasons,
    threshold_checks,
)

FORMAT = 1
HEADLINES = headline_names()
SLICE_METRICS = headline_names(["honest"], ["all"])


def slice_thresholds(table: RankTable, options: GateOptions, bounds: Bounds) -> dict[str, float]:
    """Returns the metric of every slice that holds a step, and its change threshold."""
    if options.slice_change_threshold is None:
        return {}
    names = [
        f"{metric}/{name}"
        for metric in options.slice_change_metrics
        for name in slice_names(bounds)
    ]
    return {
        name: options.slice_change_threshold
        for name in names
        if name not in options.change_thresholds and metric_mask(table, name, bounds).any()
    }


class Comparison:
    """All figures of a rank table that the verdict needs."""

    def __init__(self, table: RankTable, options: GateOptions, bounds: Bounds) -> None:
        """Draws the bootstrap; `table` has the candidate's column at least."""
        self.table, self._options, self._bounds = table, options, bounds
        self._slices = slice_thresholds(table, options, bounds)
        self._in_slices = [
            f"{metric}/{name}" for name in slice_names(bounds) for metric in SLICE_METRICS
        ]
        names = [
            *HEADLINES,
            STEPS_JUDGED,
            *options.thresholds,
            *options.beat_metrics,
            *options.change_thresholds,
            *self._slices,
            *self._in_slices,
        ]
        self.figures = MetricEstimates(table, names, bounds, options.resamples, options.seed)
        self.baselines = [name for name in table.ranks if name not in (CANDIDATE, LAST_BLESSED)]

    def checks(self) -> Iterable[MetricCheck]:
        """Yields the checks of metrics."""
        yield from threshold_checks(self.figures, self._options)
        yield from baseline_checks(self.figures, self._options, self.baselines)
        if LAST_BLESSED in self.table.ranks:
            yield from change_checks(self.figures, self._options, self._slices)

    def row(self, check: MetricCheck) -> dict[str, Any]:
        """Returns a check as a row of the verdict's table."""
        return {**check.as_json(), **self._side_by_side(check)}

    def _side_by_side(self, check: MetricCheck) -> dict[str, Any]:
        if check.kind in (MODEL, AGREEMENT):
            return {"candidate": None, "best_baseline": None, "last_blessed": None}
        if check.kind == LIMIT:
            return {"candidate": check.value, "best_baseline": None, "last_blessed": None}
        values = {name: self._value(check.name, name) for name in self.table.ranks}
        others = {name: values[name] for name in self.baselines if values[name] is not None}
        if check.name == STEPS_JUDGED:
            others = {}
        best = max(others, key=lambda name: others[name] or 0.0, default=None)
        return {
            "candidate": values[CANDIDATE],
            "best_baseline": {"name": best, "value": others[best]} if best else None,
            "last_blessed": values.get(LAST_BLESSED),
        }

    def _value(self, metric: str, column: str) -> float | None:
        value = self.figures.value(metric, column)
        return None if math.isnan(value) else value

    def metrics(self) -> dict[str, dict[str, float | int | None]]:
        """Returns all metrics of all columns."""
        return {
            column: in_order(
                {name: plain_value(name, v) for name, v in all_metrics(self.table, column).items()}
            )
            for column in self.table.ranks
        }

    def headlines(self) -> dict[str, dict[str, Any]]:
        """Returns the headline metrics of all columns with their intervals."""
        return {
            column: {name: self._with_interval(name, column) for name in HEADLINES}
            for column in self.table.ranks
        }

    def slices(self) -> dict[str, dict[str, Any]]:
        """Returns the headline metrics of all columns in each slice that holds a step."""
        found: dict[str, dict[str, Any]] = {}
        for name in self._in_slices:
            slice_name, n = MetricName.parse(name).slice_name, self.figures.n(name)
            if n:
                of_slice = found.setdefault(slice_name, {"n": n})
                metric = name.removesuffix(f"/{slice_name}")
                of_slice[metric] = {c: self._with_interval(name, c) for c in self.table.ranks}
        return found

    def _with_interval(self, name: str, column: str) -> dict[str, Any]:
        figure = self.figures.figure(name, column, self._options.confidence)
        return {
            "value": None if math.isnan(figure.value) else figure.value,
            "interval": None if figure.interval is None else list(figure.interval),
            "n": figure.n,
        }


def training_data(history: ItemHistory, splits: Sequence[str]) -> dict[str, Any]:
    """Returns what the verdict says of the data that the model learned from; times in ms."""
    return {
        "splits": list(splits),
        "events": int(history.counts.sum()),
        "items": len(history),
        "first_event": int(history.first_seen.min()) if len(history) else None,
        "last_event": history.last_event,
    }


def content(
    comparison: Comparison,
    checks: Sequence[MetricCheck],
    options: GateOptions,
    **more: Any,
) -> dict[str, Any]:
    """Returns what `verdict.json` holds.

    Args:
      comparison: figures of the rank table.
      checks: all of them, in the order in which they are shown.
      options: of the gate.
      **more: further keys.
    """
    table = comparison.table
    return {
        "format": FORMAT,
        "blessed": is_blessed(checks),
        "reasons": reasons(checks),
        "judged": {"sessions": len(table.session_ids), "steps": int(table.offsets[-1])},
        "rows": [comparison.row(check) for check in checks],
        "metrics": comparison.metrics(),
        "headlines": comparison.headlines(),
        "slices": comparison.slices(),
        "options": dataclasses.asdict(options),
        **more,
    }
