"""From the rank table to the content of `verdict.json`; NumPy only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from modules.config.gate import GateOptions
from modules.evaluation.beyond_accuracy import COVERAGE, POPULARITY_RATIO, RecommendationStats
from modules.evaluation.intervals import MetricEstimates, metric_mask
from modules.evaluation.item_history import ItemHistory
from modules.evaluation.metric_names import MetricName, slice_names
from modules.evaluation.metrics import STEPS, headline_names
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
    RankTable,
    all_metrics,
)
from modules.evaluation.slices import Bounds
from modules.evaluation.tfma_results import in_order, plain_value
from modules.gate import checks as gate_checks
from modules.gate.checks import Check
from modules.messages.quoting import quote

FORMAT = 1
TOLERANCE = 1e-6
HEADLINES = headline_names()
# Names of the checks that two counts of the same thing agree.
RANKS_AGREE, STEPS_AGREE = "ranks = Evaluator", "steps = baselines"
ITEMS_AGREE = "items = vocabulary"
SLICE_METRICS = headline_names(["honest"], ["all"])


def agreement_check(table: RankTable, evaluation: Mapping[str, float | int | None]) -> Check:
    """Compares the candidate's metrics from its ranks with the Evaluator's figures."""
    differing = []
    for name, value in all_metrics(table, CANDIDATE).items():
        other = evaluation.get(name)
        both_empty = math.isnan(value) and other is None
        nothing = name.endswith("/n") and value == 0 and other is None
        if both_empty or nothing:
            continue
        if other is None or not abs(value - other) <= TOLERANCE:
            differing.append(f"{name} is {value:.7g} here and {other} there")
    if differing:
        reason = (
            f"the ranks disagree with the Evaluator's figures in {len(differing)} metrics: "
            f"{differing[0]}"
        )
        return gate_checks.failure(gate_checks.AGREEMENT, RANKS_AGREE, reason)
    reason = f"the ranks give the Evaluator's figures, to {TOLERANCE:g}"
    return Check(gate_checks.AGREEMENT, RANKS_AGREE, gate_checks.PASSED, reason)


def steps_check(table: RankTable, baselines: RankTable) -> Check:
    """Asks whether model and baselines, of the same steps, say the same of each: a fair comparison.

    What is known counts in the known view, and the model sees no more of a prefix.
    """
    differs = np.zeros(len(table.known), bool)
    for column in ("known", "context_length", "target_count"):
        differs |= getattr(table, column) != getattr(baselines, column)
    if not differs.any():
        reason = f"the baselines have the same {len(differs):,} steps, {table.known.sum():,} known"
        return Check(gate_checks.AGREEMENT, STEPS_AGREE, gate_checks.PASSED, reason, n=len(differs))
    first = int(np.argmax(differs))
    session_id = table.session_ids[table.session[first]]
    reason = (
        f"model and baselines do not know the same items, which differs in {differs.sum():,} of "
        f"{len(differs):,} steps: {_known(table)} steps are known to the model and "
        f"{_known(baselines)} to the baselines (known/all/n, known/last/n); the first that differs "
        f"is step {table.step[first]} of session {quote(session_id)}, counted from 0"
    )
    return gate_checks.failure(gate_checks.AGREEMENT, STEPS_AGREE, reason)


def items_check(
    items: Collection[bytes], known: frozenset[bytes] | None, splits: Sequence[str]
) -> Check:
    """Asks whether every item of the training data came out of Transform's vocabulary.

    Args:
      items: of the splits that the model learned from, as SessionExampleGen wrote them.
      known: to the model; None if it does not list them.
      splits: names of these splits.
    """
    named = " and ".join(splits)
    if known is None:
        reason = f"the model does not list the items it knows; {len(items):,} are in {named}"
        return Check(gate_checks.AGREEMENT, ITEMS_AGREE, gate_checks.SKIPPED, reason)
    lost, added = sorted(set(items) - known), sorted(known - set(items))
    if not lost and not added:
        reason = f"the model knows all {len(items):,} items of {named}"
        return Check(gate_checks.AGREEMENT, ITEMS_AGREE, gate_checks.PASSED, reason, n=len(items))
    parts = [
        f"{len(ids):,} {what}, such as {', '.join(map(quote, ids[:3]))}"
        for ids, what in ((lost, "are missing"), (added, "are not in the data"))
        if ids
    ]
    reason = (
        f"{len(items):,} items in {named}, {len(known):,} known to the model: {'; '.join(parts)}. "
        "Transform's vocabulary must hold every item that is read"
    )
    return gate_checks.failure(gate_checks.AGREEMENT, ITEMS_AGREE, reason)


def _known(table: RankTable) -> str:
    return " and ".join(f"{table.counted('known', steps).sum():,}" for steps in STEPS)


def finite_check(not_finite: int, prefixes: int) -> Check:
    """Refuses a model that recommends with scores that are no numbers."""
    name = "finite scores"
    if not_finite:
        share = f"{not_finite:,} of {prefixes:,} prefixes"
        reason = f"scores of recommended items are NaN or infinite for {share}"
        return Check(gate_checks.MODEL, name, gate_checks.FAILED, reason, n=prefixes)
    reason = f"all scores of recommended items are finite ({prefixes:,} prefixes)"
    return Check(gate_checks.MODEL, name, gate_checks.PASSED, reason, n=prefixes)


def limit_checks(tally: RecommendationStats, options: GateOptions) -> Iterable[Check]:
    """Yields a check per limit of a figure beyond accuracy that is set."""
    if options.min_coverage is not None:
        meaning = "share of the training data's items that is recommended at all"
        yield gate_checks.limit_check(
            COVERAGE, tally.coverage, options.min_coverage, None, tally.prefixes, meaning
        )
    if options.max_popularity_ratio is not None:
        meaning = "mean popularity of recommended items to that of targets"
        ratio = tally.ratios()[POPULARITY_RATIO]
        yield gate_checks.limit_check(
            POPULARITY_RATIO, ratio, None, options.max_popularity_ratio, tally.prefixes, meaning
        )


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
            gate_checks.STEPS_JUDGED,
            *options.thresholds,
            *options.beat_metrics,
            *options.change_thresholds,
            *self._slices,
            *self._in_slices,
        ]
        self.figures = MetricEstimates(table, names, bounds, options.resamples, options.seed)
        self.baselines = [name for name in table.ranks if name not in (CANDIDATE, LAST_BLESSED)]

    def checks(self) -> Iterable[Check]:
        """Yields the checks of metrics."""
        yield from gate_checks.threshold_checks(self.figures, self._options)
        yield from gate_checks.baseline_checks(self.figures, self._options, self.baselines)
        if LAST_BLESSED in self.table.ranks:
            yield from gate_checks.change_checks(self.figures, self._options, self._slices)

    def row(self, check: Check) -> dict[str, Any]:
        """Returns a check as a row of the verdict's table."""
        side_by_side = self._side_by_side(check)
        return {**gate_checks.as_json(check), **side_by_side}

    def _side_by_side(self, check: Check) -> dict[str, Any]:
        if check.kind in (gate_checks.MODEL, gate_checks.AGREEMENT):
            return {"candidate": None, "best_baseline": None, "last_blessed": None}
        if check.kind == gate_checks.LIMIT:
            return {"candidate": check.value, "best_baseline": None, "last_blessed": None}
        values = {name: self._value(check.metric, name) for name in self.table.ranks}
        others = {name: values[name] for name in self.baselines if values[name] is not None}
        if check.metric == gate_checks.STEPS_JUDGED:
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
    checks: Sequence[Check],
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
        "blessed": gate_checks.is_blessed(checks),
        "reasons": gate_checks.reasons(checks),
        "judged": {"sessions": len(table.session_ids), "steps": int(table.offsets[-1])},
        "rows": [comparison.row(check) for check in checks],
        "metrics": comparison.metrics(),
        "headlines": comparison.headlines(),
        "slices": comparison.slices(),
        "options": dataclasses.asdict(options),
        **more,
    }
