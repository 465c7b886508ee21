"""The arithmetic of the evaluation protocol, in NumPy: its single source of truth.

A *step* of a session predicts the next item (the target) after a prefix. Every metric is a
function of the target's rank among the whole catalogue, 1 being best:

* views: `honest` counts every step; `known` counts the steps whose target is known and that have a
  known item before them, as the literature does by dropping unknown items first;
* steps: `all`, or the `last` step that a session has in that view;
* metrics: Recall@K, MRR@K and NDCG@K, for every K of `K_VALUES`.

`modules/evaluation/metric_names.py` names them. Values are per step, and the mean comes last. A
mean over nothing is NaN, which no threshold accepts. Since all ranks beyond the largest K are
misses, a histogram of 101 counts determines every mean: that is what a distributed evaluator adds
up. A target that cannot be recommended is a miss too, however small the catalogue: its rank is
`ranks.UNRANKED`.

A model that answers unknown items of the session ranks a step by another answer in each view: in
the honest one by that to the whole prefix, in the known one by that to the prefix without unknown
items. Functions take the second as `known_rank`, where it may differ.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.evaluation.metric_names import (
    K_VALUES,
    METRICS,
    STEPS,
    VIEWS,
    count_name,
    metric_name,
)

MAX_K = max(K_VALUES)
BINS = MAX_K + 1  # counts of rank 1 to MAX_K, then of all larger ranks


def recall_at_k(rank: npt.ArrayLike, k: int) -> FloatArray:
    """Returns 1 where the target is among the first k, else 0 (one target: also the hit rate).

    >>> recall_at_k([1, 5, 6], 5)
    array([1., 1., 0.])
    """
    return np.less_equal(rank, k).astype(np.float64)


def reciprocal_rank_at_k(rank: npt.ArrayLike, k: int) -> FloatArray:
    """Returns 1 / rank where the target is among the first k, else 0. Its mean is MRR@k.

    >>> reciprocal_rank_at_k([1, 4, 6], 5)
    array([1.  , 0.25, 0.  ])
    """
    return recall_at_k(rank, k) / np.asarray(rank, dtype=np.float64)


def ndcg_at_k(rank: npt.ArrayLike, k: int) -> FloatArray:
    """Returns 1 / log2(rank + 1) where the target is among the first k, else 0.

    With one relevant item the ideal ranking has a gain of 1, so this is NDCG@k (Järvelin and
    Kekäläinen, 2002) itself.

    >>> ndcg_at_k([1, 3, 6], 5)
    array([1. , 0.5, 0. ])
    """
    gain: FloatArray = 1 / np.log2(np.asarray(rank, dtype=np.float64) + 1)
    return recall_at_k(rank, k) * gain


PER_STEP: dict[str, Callable[[npt.ArrayLike, int], FloatArray]] = dict(
    zip(METRICS, (recall_at_k, reciprocal_rank_at_k, ndcg_at_k), strict=True)
)


def counted_steps(rank: npt.ArrayLike, known: npt.ArrayLike) -> BoolArray:
    """Returns which steps count in which view.

    Args:
      rank: int `[..., steps]`, 0 where a session has no such step (right or left padding).
      known: int or bool, same shape: 1 where a step counts in the known view.

    Returns:
      bool `[views, 2, ..., steps]` in the order of `VIEWS` and `STEPS`.

    Raises:
      ValueError: the shapes differ, or a step that does not exist is marked as known.

    >>> counted_steps([7, 3, 9, 0], [1, 1, 0, 0]).astype(int)[1].tolist()
    [[1, 1, 0, 0], [0, 1, 0, 0]]
    """
    exists, is_known = np.asarray(rank) > 0, np.asarray(known) > 0
    if exists.shape != is_known.shape:
        raise ValueError(
            f"rank and known must have one shape, got {exists.shape} and {is_known.shape}"
        )
    if np.any(is_known & ~exists):
        raise ValueError("known is set where rank is 0: a step that does not exist cannot be known")
    views = np.stack([exists, is_known])
    to_the_end = np.cumsum(views[..., ::-1], axis=-1)[..., ::-1]
    return np.stack([views, views & (to_the_end == 1)], axis=1)


def rank_histogram(rank: npt.ArrayLike) -> IntArray:
    """Counts the ranks from 1 to 100, then all larger ones; int64 `[BINS]`.

    >>> counts = rank_histogram([1, 3, 3, 100, 101, 37_000])
    >>> counts[[0, 2, 99, 100]].tolist(), int(counts.sum())
    ([1, 2, 1, 2], 6)
    """
    bins = np.minimum(np.asarray(rank, dtype=np.int64), BINS) - 1
    return np.bincount(bins.ravel(), minlength=BINS).astype(np.int64, copy=False)


def ranks_by_view(rank: npt.ArrayLike, known_rank: npt.ArrayLike | None) -> tuple[IntArray, ...]:
    """Returns the rank of each step in every view, in the order of `VIEWS`.

    Args:
      rank: int `[..., steps]`, ranks in the honest view.
      known_rank: int of the same shape, ranks in the known view; None where they are the same.

    Raises:
      ValueError: the shapes differ, or they hold other steps.

    >>> ranks_by_view([3, 7], [1, 7])[1].tolist()
    [1, 7]
    """
    honest = np.asarray(rank)
    known = honest if known_rank is None else np.asarray(known_rank)
    if known.shape != honest.shape or not np.array_equal(known > 0, honest > 0):
        raise ValueError("rank and known_rank must be of the same steps")
    return honest, known


def rank_histograms(
    rank: npt.ArrayLike, known: npt.ArrayLike, known_rank: npt.ArrayLike | None = None
) -> IntArray:
    """Counts the ranks of one or more sessions, as the `evaluate` signature returns them.

    The histograms of several sessions are the sums of their histograms.

    Args:
      rank: int `[..., steps]`, 0 where a session has no such step.
      known: int `[..., steps]`, 1 where a step counts in the known view.
      known_rank: as in `ranks_by_view`.

    Returns:
      int64 `[views, 2, BINS]` in the order of `VIEWS` and `STEPS`.

    >>> rank_histograms([2, 1, 500], [1, 1, 0]).sum(axis=-1).tolist()
    [[3, 1], [2, 1]]
    """
    views = zip(ranks_by_view(rank, known_rank), counted_steps(rank, known), strict=True)
    return np.stack(
        [[rank_histogram(ranks[counted]) for counted in of_view] for ranks, of_view in views]
    )


def metrics_from_rank_histogram(counts: npt.ArrayLike) -> dict[str, float]:
    """Returns the mean of every metric over the steps of one histogram, by `{metric}@{K}`.

    >>> metrics_from_rank_histogram(rank_histogram([1, 4, 101]))["mrr@5"]
    0.4166666666666667
    """
    counts = np.asarray(counts)
    if counts.shape != (BINS,):
        raise ValueError(f"counts must have shape [{BINS}], got {counts.shape}")
    ranks, steps = np.arange(1, BINS + 1), int(counts.sum())
    return {
        f"{metric}@{k}": float(counts @ per_step(ranks, k)) / steps if steps else float("nan")
        for metric, per_step in PER_STEP.items()
        for k in K_VALUES
    }


def metrics_from_rank_histograms(histograms: npt.ArrayLike) -> dict[str, float]:
    """Returns every metric and every count of steps, by full name.

    Args:
      histograms: int `[views, 2, BINS]`, a sum of `rank_histograms`.

    Raises:
      ValueError: another shape.
    """
    histograms = np.asarray(histograms)
    if histograms.shape != (len(VIEWS), len(STEPS), BINS):
        raise ValueError(
            f"histograms must have shape [{len(VIEWS)}, {len(STEPS)}, {BINS}], "
            f"got {histograms.shape}"
        )
    values: dict[str, float] = {}
    for view, of_view in zip(VIEWS, histograms, strict=True):
        for steps, counts in zip(STEPS, of_view, strict=True):
            means = metrics_from_rank_histogram(counts)
            values |= {f"{view}/{steps}/{name}": mean for name, mean in means.items()}
            values[count_name(view, steps)] = float(counts.sum())
    return values


def metrics_from_ranks(
    rank: npt.ArrayLike, known: npt.ArrayLike, known_rank: npt.ArrayLike | None = None
) -> dict[str, float]:
    """Returns the same as `metrics_from_rank_histograms`, from the means over the steps themselves.

    Args:
      rank: int `[..., steps]`, 0 where a session has no such step.
      known: int `[..., steps]`, 1 where a step counts in the known view.
      known_rank: as in `ranks_by_view`.

    >>> metrics_from_ranks([[2, 30], [1, 0]], [[1, 1], [1, 0]])["known/last/recall@20"]
    0.5
    """
    values: dict[str, float] = {}
    by_view = ranks_by_view(rank, known_rank)
    for view, ranks, of_view in zip(VIEWS, by_view, counted_steps(rank, known), strict=True):
        for steps, counted in zip(STEPS, of_view, strict=True):
            n = float(counted.sum())
            for metric, per_step in PER_STEP.items():
                for k in K_VALUES:
                    total = float(per_step(ranks[counted], k).sum())
                    values[metric_name(view, steps, metric, k)] = total / n if n else float("nan")
            values[count_name(view, steps)] = n
    return values


def none_for_nan(value: float) -> float | None:
    """Returns a metric as JSON can hold it."""
    return None if np.isnan(value) else float(value)
