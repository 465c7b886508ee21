"""Counts ranks by step slice, and computes the Evaluator's metrics from them; NumPy only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.evaluation import metrics
from modules.evaluation.metric_names import HEADLINE_METRICS, STEPS, VIEWS
from modules.evaluation.slice_names import Bounds, slice_names

# Outputs of the `evaluate` signature, int64 `[batch, steps]` each. A model that ignores unknown
# items ranks alike in both views, and need not return the last one.
STEP_OUTPUTS = ("rank", "known", "context_length", "target_count", "known_rank")
_REQUIRED_OUTPUTS = STEP_OUTPUTS[:-1]
SLICED_OUTPUTS = ("context_length", "target_count")

Rows = list[IntArray]
Histograms = tuple[IntArray, IntArray]


def count_steps(rows: Rows, bounds: Bounds) -> Histograms:
    """Counts the ranks of some sessions.

    Args:
      rows: int64 `[5, steps]` per session, in the order of `STEP_OUTPUTS`.
      bounds: inclusive upper bounds of the step slices, by `SLICED_OUTPUTS`.

    Returns:
      Histograms of all steps, int64 `[views, 2, BINS]`, and of each step slice, int64
      `[slices, views, BINS]`.
    """
    longest = max((row.shape[1] for row in rows), default=0)
    padded = np.zeros((len(STEP_OUTPUTS), len(rows), longest), np.int64)
    for index, row in enumerate(rows):
        padded[:, index, : row.shape[1]] = row
    values = dict(zip(STEP_OUTPUTS, padded, strict=True))
    rank, known, known_rank = values["rank"], values["known"], values["known_rank"]
    by_view = metrics.ranks_by_view(rank, known_rank)
    per_view = metrics.counted_steps(rank, known)[:, STEPS.index("all")]
    slices = [
        in_slice
        for output, upper in bounds.items()
        for in_slice in _in_buckets(values[output], upper)
    ]
    sliced = [
        [
            metrics.rank_histogram(ranks[counted & in_slice])
            for ranks, counted in zip(by_view, per_view, strict=True)
        ]
        for in_slice in slices
    ]
    return metrics.rank_histograms(rank, known, known_rank), np.array(sliced, np.int64)


def step_outputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of `STEP_OUTPUTS` by name, from all that `evaluate` returned.

    Raises:
      ValueError: an output is missing.
    """
    missing = [name for name in _REQUIRED_OUTPUTS if name not in outputs]
    if missing:
        raise ValueError(
            f"the signature 'evaluate' must return {', '.join(_REQUIRED_OUTPUTS)}; "
            f"{', '.join(missing)} missing among {', '.join(sorted(outputs))}"
        )
    found = {name: outputs[name] for name in _REQUIRED_OUTPUTS}
    return {**found, "known_rank": outputs.get("known_rank", found["rank"])}


def _in_buckets(values: IntArray, bounds: Sequence[int]) -> Iterable[BoolArray]:
    bucket = np.searchsorted(bounds, values, side="left")
    return (bucket == index for index in range(len(bounds) + 1))


def metric_values(histograms: Histograms, bounds: Bounds) -> dict[str, float]:
    """Returns all metrics by name."""
    overall, sliced = histograms
    values = metrics.metrics_from_rank_histograms(overall)
    for name, per_view in zip(slice_names(bounds), sliced, strict=True):
        for view, counts in zip(VIEWS, per_view, strict=True):
            means = metrics.metrics_from_rank_histogram(counts)
            values |= {f"{view}/all/{metric}/{name}": means[metric] for metric in HEADLINE_METRICS}
            values[f"{view}/all/n/{name}"] = float(counts.sum())
    return values
