"""The protocol's arithmetic: hand-computed cases, and two routes that must agree."""

from __future__ import annotations

import doctest
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modules.evaluation import metrics
from modules.evaluation.metric_names import overall_names

NAN, INF = float("nan"), float("inf")


def test_docstrings_tell_the_truth() -> None:
    result = doctest.testmod(metrics)

    assert result.attempted > 5
    assert result.failed == 0


def test_needs_neither_tensorflow_nor_beam() -> None:
    code = (
        "import sys, modules.evaluation.metrics; "
        "print([m for m in ('tensorflow', 'apache_beam', 'tfx', 'scipy') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[4],
        timeout=60,
    ).stdout

    assert output.strip() == "[]"


def test_four_items_by_hand() -> None:
    """Ranks 1 to 4: Recall@1 1/4, MRR@5 (1 + 1/2 + 1/3 + 1/4) / 4, and so on."""
    values = metrics.metrics_from_ranks([[1, 2, 3, 4]], [[1, 1, 1, 0]])

    assert values["honest/all/recall@1"] == 0.25
    assert values["honest/all/recall@5"] == 1.0
    assert values["honest/all/mrr@1"] == 0.25
    assert values["honest/all/mrr@5"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    gains = (1, 1 / math.log2(3), 1 / 2, 1 / math.log2(5))
    assert values["honest/all/ndcg@20"] == pytest.approx(sum(gains) / 4)
    assert values["honest/last/mrr@5"] == 1 / 4
    assert values["known/all/mrr@5"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert values["known/last/mrr@5"] == pytest.approx(1 / 3)
    assert [values[f"{view}/n"] for view in ("honest/all", "honest/last")] == [4, 1]
    assert [values[f"{view}/n"] for view in ("known/all", "known/last")] == [3, 1]


def test_values_are_per_step_and_cut_after_k() -> None:
    rank = [5, 6, 20, 21, 100, 101]

    assert metrics.recall_at_k(rank, 20).tolist() == [1, 1, 1, 0, 0, 0]
    assert metrics.reciprocal_rank_at_k(rank, 5).tolist() == [1 / 5, 0, 0, 0, 0, 0]
    assert metrics.ndcg_at_k(rank, 100)[5] == 0
    assert metrics.ndcg_at_k(rank, 100)[4] == pytest.approx(1 / math.log2(101))


def test_last_step_is_the_last_of_the_view_and_padding_does_not_count() -> None:
    rank = [[9, 8, 7, 0], [0, 3, 0, 0]]
    known = [[1, 1, 0, 0], [0, 0, 0, 0]]

    counted = metrics.counted_steps(rank, known).astype(int)

    assert counted[0, 0].tolist() == [[1, 1, 1, 0], [0, 1, 0, 0]]
    assert counted[0, 1].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0]]
    assert counted[1, 0].tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert counted[1, 1].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


def test_steps_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(2,\) and \(3,\)"):
        metrics.rank_histograms([1, 2], [1, 1, 1])
    with pytest.raises(ValueError, match="known is set where rank is 0"):
        metrics.rank_histograms([1, 0], [1, 1])


def _random_steps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rank = random.integers(1, 400, (200, 9)) * (np.arange(9) < random.integers(0, 10, 200)[:, None])
    return rank, (random.random(rank.shape) < 0.6) & (rank > 0)


def test_histogram_route_equals_direct_route() -> None:
    rank, known = _random_steps(3)
    summed = sum(metrics.rank_histograms(*session) for session in zip(rank, known, strict=True))

    by_histogram = metrics.metrics_from_rank_histograms(summed)
    direct = metrics.metrics_from_ranks(rank, known)

    assert set(by_histogram) == set(direct)
    assert all(abs(by_histogram[name] - direct[name]) < 1e-12 for name in direct)


def test_histograms_of_sessions_add_up_to_those_of_the_batch() -> None:
    rank, known = _random_steps(4)
    one_by_one = sum(metrics.rank_histograms(*session) for session in zip(rank, known, strict=True))

    batch = metrics.rank_histograms(rank, known)

    np.testing.assert_array_equal(batch, one_by_one)
    assert batch.shape == (2, 2, 101)
    assert batch.dtype == np.int64


def test_no_step_gives_nan_not_zero() -> None:
    nothing = metrics.rank_histograms(np.zeros((0, 3), int), np.zeros((0, 3), int))
    for values in (
        metrics.metrics_from_rank_histograms(nothing),
        metrics.metrics_from_ranks([[0]], [[0]]),
    ):
        assert values.pop("known/all/n") == 0
        assert all(math.isnan(values[name]) for name in overall_names() if "@" in name)


def test_histograms_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have shape \[101\], got \(100,\)"):
        metrics.metrics_from_rank_histogram(np.zeros(100))
    with pytest.raises(ValueError, match=r"must have shape \[2, 2, 101\], got \(2, 101\)"):
        metrics.metrics_from_rank_histograms(np.zeros((2, 101)))
