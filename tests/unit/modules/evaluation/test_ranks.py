"""The rank of a target: hand-computed cases."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from modules.evaluation import ranks
from modules.evaluation.ranks import UNRANKED, conservative_rank

NAN, INF = float("nan"), float("inf")


def test_docstrings_tell_the_truth() -> None:
    result = doctest.testmod(ranks)

    assert result.attempted > 1
    assert result.failed == 0


@pytest.mark.parametrize(
    ("scores", "target", "rank"),
    [
        ([0.4, 0.3, 0.2, 0.1], 0, 1),
        ([0.4, 0.3, 0.2, 0.1], 3, 4),
        ([0.4, 0.4, 0.4, 0.1], 0, 3),  # ties count against us
        ([0.0, 0.0, 0.0, 0.0], 2, 4),  # a model that says nothing is last, not first
        ([0.4, NAN, 0.2, 0.1], 1, UNRANKED),  # a NaN target is not recommended
        ([NAN, NAN, NAN, NAN], 1, UNRANKED),
        ([0.4, NAN, 0.2, 0.1], 0, 2),  # a NaN elsewhere counts against the target
        ([0.4, 0.3, -INF, -INF], 2, UNRANKED),  # nor is an item without a score
        ([0.4, 0.3, -INF, -INF], 1, 2),
        ([INF, INF, 0.2, 0.1], 0, 2),
        ([0.4, 0.3, 0.2, 0.1], -1, UNRANKED),  # a target outside the catalogue
        ([], -1, UNRANKED),
    ],
)
def test_rank_of_the_target(scores: list[float], target: int, rank: int) -> None:
    assert conservative_rank([scores], [target]).tolist() == [rank]


def test_rank_does_not_change_when_the_catalogue_is_permuted() -> None:
    random = np.random.default_rng(1)
    scores = random.integers(0, 5, (50, 12)).astype(np.float32)  # many ties
    target = random.integers(0, 12, 50)
    order = random.permutation(12)

    permuted = conservative_rank(scores[:, order], np.argsort(order)[target])

    np.testing.assert_array_equal(conservative_rank(scores, target), permuted)


def test_rank_refuses_shapes_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match=r"target_position \[n\], got \(4, 4\) and \(4, 1\)"):
        conservative_rank(np.zeros((4, 4)), np.zeros((4, 1)))
    with pytest.raises(IndexError):
        conservative_rank(np.zeros((1, 4)), [4])
