from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules import metrics, ranking

UNIT = tf.eye(4)


def _rank(scores: list[float], target: int, **options: tf.Tensor) -> int:
    # With unit candidates the query is the row of scores.
    return int(
        ranking.conservative_rank(tf.constant([scores]), UNIT, tf.constant([target]), **options)[0]
    )


@pytest.mark.parametrize(
    ("scores", "target", "rank"),
    [
        ([4.0, 3.0, 2.0, 1.0], 0, 1),
        ([4.0, 3.0, 2.0, 1.0], 3, 4),
        ([1.0, 1.0, 1.0, 0.0], 1, 3),
        ([4.0, 3.0, 2.0, 1.0], -1, 5),
    ],
)
def test_hand_computed_ranks(scores: list[float], target: int, rank: int) -> None:
    assert _rank(scores, target) == rank


def test_items_that_take_no_part_do_not_count() -> None:
    allowed = tf.constant([False, True, True, True])
    assert _rank([4.0, 3.0, 2.0, 1.0], 1, allowed=allowed) == 1
    assert _rank([4.0, 3.0, 2.0, 1.0], 0, allowed=allowed) == 5


def test_a_nan_query_ranks_its_target_last() -> None:
    assert _rank([float("nan")] * 4, 0) == 4


def test_equals_the_numpy_rule_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_SCORES_PER_BLOCK", 40)
    random = np.random.default_rng(7)
    # Small integers make many ties, and products that are exact in both libraries.
    queries = random.integers(-2, 3, [25, 3]).astype(np.float32)
    candidates = random.integers(-2, 3, [13, 3]).astype(np.float32)
    target = random.integers(0, 13, 25)
    ranks = ranking.conservative_rank(queries, candidates, target)
    expected = metrics.conservative_rank(queries @ candidates.T, target)
    assert ranks.numpy().tolist() == expected.tolist()


def test_no_query_gives_no_rank() -> None:
    ranks = ranking.conservative_rank(tf.zeros([0, 4]), UNIT, tf.zeros([0], tf.int32))
    assert ranks.shape == [0]
