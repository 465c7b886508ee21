"""Metrics by step slice and over all steps; NumPy only.

Names of the results:

* `{honest|known}/{all|last}/{recall|mrr|ndcg}@{K}` and `{honest|known}/{all|last}/n`, the number
  of steps behind them;
* per step slice, over all steps: `{honest|known}/all/{headline metric|n}/{slice}`, where a slice
  is an inclusive range, such as `context_length=3..5`, `target_count=0`, `target_count=51..`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.evaluation import metrics

# Outputs of the `evaluate` signature, int64 `[batch, steps]` each.
STEP_OUTPUTS = ("rank", "known", "context_length", "target_count")
SLICED_OUTPUTS = ("context_length", "target_count")

# Events of a session: the session slices of Evaluator and gate.
SESSION_LENGTH_BOUNDS = (1, 2, 3, 5, 10)

Bounds = Mapping[str, Sequence[int]]
Rows = list[IntArray]
Histograms = tuple[IntArray, IntArray]


def bucket_names(feature: str, bounds: Sequence[int]) -> list[str]:
    """Returns the names of the step slices with inclusive upper `bounds`.

    Raises:
      ValueError: the bounds do not rise from 0 or more.

    >>> bucket_names("target_count", (0, 2, 10))
    ['target_count=0', 'target_count=1..2', 'target_count=3..10', 'target_count=11..']
    """
    if any(low >= high for low, high in itertools.pairwise([-1, *bounds])):
        raise ValueError(f"{feature}_buckets must rise from 0 or more, got {list(bounds)}")
    return [f"{feature}={name}" for name in range_names(bounds)]


def range_names(bounds: Sequence[int]) -> list[str]:
    """Returns the names of the ranges from 0 with inclusive upper `bounds`.

    >>> range_names((1, 2, 5))
    ['0..1', '2', '3..5', '6..']
    """
    lows = [0, *(bound + 1 for bound in bounds)]
    names = [
        f"{low}" if low == high else f"{low}..{high}"
        for low, high in zip(lows, bounds, strict=False)
    ]
    return [*names, f"{lows[-1]}.."]


def slice_names(bounds: Bounds) -> list[str]:
    """Returns the names of all step slices, in the order of the histograms."""
    return [name for output in SLICED_OUTPUTS for name in bucket_names(output, bounds[output])]


def step_slice_metric_names(bounds: Bounds) -> list[str]:
    """Returns the names of the metrics of the step slices."""
    return [
        f"{view}/all/{metric}/{name}"
        for name in slice_names(bounds)
        for view in metrics.VIEWS
        for metric in (*metrics.HEADLINE_METRICS, "n")
    ]


def metric_names(bounds: Bounds) -> list[str]:
    """Returns the names of all metrics of `SessionRankMetrics`."""
    counts = [metrics.count_name(view, steps) for view in metrics.VIEWS for steps in metrics.STEPS]
    return [*metrics.all_metric_names(), *counts, *step_slice_metric_names(bounds)]


def count_steps(rows: Rows, bounds: Bounds) -> Histograms:
    """Counts the ranks of some sessions.

    Args:
      rows: int64 `[4, steps]` per session, in the order of `STEP_OUTPUTS`.
      bounds: inclusive upper bounds of the step slices by output.

    Returns:
      Histograms of all steps, int64 `[views, 2, BINS]`, and of each step slice, int64
      `[slices, views, BINS]`.
    """
    longest = max((row.shape[1] for row in rows), default=0)
    padded = np.zeros((len(STEP_OUTPUTS), len(rows), longest), np.int64)
    for index, row in enumerate(rows):
        padded[:, index, : row.shape[1]] = row
    values = dict(zip(STEP_OUTPUTS, padded, strict=True))
    rank, known = values["rank"], values["known"]
    per_view = metrics.counted_steps(rank, known)[:, metrics.STEPS.index("all")]
    slices = [
        in_slice
        for output in SLICED_OUTPUTS
        for in_slice in _in_buckets(values[output], bounds[output])
    ]
    sliced = [
        [metrics.rank_histogram(rank[counted & in_slice]) for counted in per_view]
        for in_slice in slices
    ]
    return metrics.rank_histograms(rank, known), np.array(sliced, np.int64)


def _in_buckets(values: IntArray, bounds: Sequence[int]) -> Iterable[BoolArray]:
    bucket = np.searchsorted(bounds, values, side="left")
    return (bucket == index for index in range(len(bounds) + 1))


def metric_values(histograms: Histograms, bounds: Bounds) -> dict[str, float]:
    """Returns all metrics by name."""
    overall, sliced = histograms
    values = metrics.metrics_from_rank_histograms(overall)
    for name, per_view in zip(slice_names(bounds), sliced, strict=True):
        for view, counts in zip(metrics.VIEWS, per_view, strict=True):
            means = metrics.metrics_from_rank_histogram(counts)
            values |= {
                f"{view}/all/{metric}/{name}": means[metric] for metric in metrics.HEADLINE_METRICS
            }
            values[f"{view}/all/n/{name}"] = float(counts.sum())
    return values
