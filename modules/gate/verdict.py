"""The content of `verdict.json`, from the rank table; NumPy only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from modules.array_types import IntArray
from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.intervals import MetricEstimates, metric_mask
from modules.evaluation.item_history import ItemHistory
from modules.evaluation.metric_names import MetricName, headline_names
from modules.evaluation.metrics import none_for_nan
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED, RankTable, all_metrics
from modules.evaluation.slice_names import Bounds, slice_names
from modules.evaluation.tfma_results import in_order, plain_value
from modules.gate.day_records import PairedDifference
from modules.gate.metric_checks import (
    AGREEMENT,
    BASELINE,
    CHANGE,
    LIMIT,
    MODEL,
    SLICE_CHANGE,
    STEPS_EVALUATED,
    MetricCheck,
    baseline_checks,
    change_checks,
    is_blessed,
    reasons,
    threshold_checks,
)
from modules.gate.reach import comparable_steps, reach

FORMAT = 1
HEADLINES = headline_names()
SLICE_METRICS = headline_names(["honest"], ["all"])


def slice_thresholds(
    table: RankTable, options: ModelGateOptions, bounds: Bounds
) -> dict[str, float]:
    """Returns the change threshold by metric of a slice that holds a step."""
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
    """All that the verdict needs of a rank table."""

    def __init__(self, table: RankTable, options: ModelGateOptions, bounds: Bounds) -> None:
        """Draws the bootstrap; `table` has at least the candidate's column."""
        self.table, self._options, self._bounds = table, options, bounds
        self._slices = slice_thresholds(table, options, bounds)
        self._in_slices = [
            f"{metric}/{name}" for name in slice_names(bounds) for metric in SLICE_METRICS
        ]
        names = [
            *HEADLINES,
            STEPS_EVALUATED,
            *options.thresholds,
            *options.beat_metrics,
            *options.change_thresholds,
            *self._slices,
            *self._in_slices,
        ]
        self.estimates = MetricEstimates(table, names, bounds, options.resamples, options.seed)
        self._comparable = self._comparable_slices() if LAST_BLESSED in table.ranks else None
        self.baselines = [name for name in table.ranks if name not in (CANDIDATE, LAST_BLESSED)]

    def _comparable_slices(self) -> MetricEstimates:
        """Returns the metrics of slices that are compared, over steps that both models answer."""
        changes = self._options.change_thresholds
        names = [*(name for name in changes if MetricName.parse(name).slice_name), *self._slices]
        return MetricEstimates(
            self.table,
            names,
            self._bounds,
            self._options.resamples,
            self._options.seed,
            within=comparable_steps(self.table),
        )

    def checks(self) -> Iterable[MetricCheck]:
        """Yields the checks of metrics."""
        yield from threshold_checks(self.estimates, self._options)
        yield from baseline_checks(self.estimates, self._options, self.baselines)
        if self._comparable:
            yield from change_checks(self.estimates, self._comparable, self._options, self._slices)

    def differences(self, checks: Iterable[MetricCheck]) -> list[PairedDifference]:
        """Returns the differences behind the checks that days can be pooled for."""
        found = []
        for check in checks:
            if check.kind not in (BASELINE, CHANGE) or check.value is None or not check.n:
                continue
            pair = (check.name, CANDIDATE, check.against or LAST_BLESSED)
            variance = self._estimates_behind(check).difference_variance(*pair)
            found.append(
                PairedDifference(
                    check.kind, check.name, check.against, check.value, variance, check.n
                )
            )
        return found

    def row(self, check: MetricCheck) -> dict[str, Any]:
        """Returns a check as a row of the verdict's table."""
        return {**check.as_json(), **self._side_by_side(check)}

    def _side_by_side(self, check: MetricCheck) -> dict[str, Any]:
        values: dict[str, float | None] = {CANDIDATE: check.value}
        if check.days:
            values = {CANDIDATE: None}
        elif check.kind not in (MODEL, AGREEMENT, LIMIT):
            estimates = self._estimates_behind(check)
            values = {
                column: none_for_nan(estimates.value(check.name, column))
                for column in self.table.ranks
            }
        others = {name: values[name] for name in self.baselines if values.get(name) is not None}
        if check.name == STEPS_EVALUATED:
            others = {}
        best = max(others, key=lambda name: others[name] or 0.0, default=None)
        return {
            "candidate": values[CANDIDATE],
            "best_baseline": {"name": best, "value": others[best]} if best else None,
            "last_blessed": values.get(LAST_BLESSED),
        }

    def _estimates_behind(self, check: MetricCheck) -> MetricEstimates:
        is_change = check.kind in (CHANGE, SLICE_CHANGE)
        if self._comparable and is_change and MetricName.parse(check.name).slice_name:
            return self._comparable
        return self.estimates

    def reach(self) -> dict[str, int] | None:
        """Returns the steps by which models can recommend their targets; None without a second."""
        return reach(self.table) if LAST_BLESSED in self.table.ranks else None

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
            slice_name, n = MetricName.parse(name).slice_name, self.estimates.n(name)
            if n:
                of_slice = found.setdefault(slice_name, {"n": n})
                metric = name.removesuffix(f"/{slice_name}")
                of_slice[metric] = {c: self._with_interval(name, c) for c in self.table.ranks}
        return found

    def _with_interval(self, name: str, column: str) -> dict[str, Any]:
        estimate = self.estimates.estimate(name, column, self._options.confidence)
        return {
            "value": none_for_nan(estimate.value),
            "interval": None if estimate.interval is None else list(estimate.interval),
            "n": estimate.n,
        }


def training_data(history: ItemHistory, splits: Sequence[str]) -> dict[str, Any]:
    """Returns the verdict's summary of the training data; times in ms."""
    return {
        "splits": list(splits),
        "events": int(history.counts.sum()),
        "items": len(history),
        "first_event": int(history.first_seen.min()) if len(history) else None,
        "last_event": history.last_event,
    }


def evaluated(table: RankTable, start_times: IntArray) -> dict[str, int | None]:
    """Returns what was evaluated: sessions and steps, and when the sessions start, in ms."""
    return {
        "sessions": len(table.session_ids),
        "steps": int(table.offsets[-1]),
        "first_start": int(start_times.min()) if len(start_times) else None,
        "last_start": int(start_times.max()) if len(start_times) else None,
    }


def content(
    comparison: Comparison, checks: Sequence[MetricCheck], options: ModelGateOptions, **more: Any
) -> dict[str, Any]:
    """Returns the content of `verdict.json`, with `more` keys; `checks` are in order."""
    return {
        "format": FORMAT,
        "blessed": is_blessed(checks),
        "reasons": reasons(checks),
        "rows": [comparison.row(check) for check in checks],
        "metrics": comparison.metrics(),
        "headlines": comparison.headlines(),
        "slices": comparison.slices(),
        "reach": comparison.reach(),
        "options": dataclasses.asdict(options),
        **more,
    }
