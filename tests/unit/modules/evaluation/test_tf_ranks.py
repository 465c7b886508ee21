"""TensorFlow's ranks against hand-computed ones and against the NumPy twin in metrics.py."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.evaluation import tf_ranks
from modules.evaluation.ranks import UNRANKED, conservative_rank

UNIT = tf.eye(4)
NAN, INF = float("nan"), float("inf")


def _rank(scores: list[float], target: int, **options: tf.Tensor) -> int:
    # With unit candidates the query is the row of scores.
    return int(
        tf_ranks.conservative_rank(tf.constant([scores]), UNIT, tf.constant([target]), **options)[0]
    )


@pytest.mark.parametrize(
    ("scores", "target", "rank"),
    [
        ([4.0, 3.0, 2.0, 1.0], 0, 1),
        ([4.0, 3.0, 2.0, 1.0], 3, 4),
        ([1.0, 1.0, 1.0, 0.0], 1, 3),
        ([1.0, 1.0, 1.0, 1.0], 3, 4),
        ([4.0, 3.0, 2.0, 1.0], -1, UNRANKED),
        ([4.0, 3.0, NAN, 1.0], 2, UNRANKED),
        ([4.0, 3.0, -INF, 1.0], 2, UNRANKED),
    ],
)
def test_hand_computed_ranks(scores: list[float], target: int, rank: int) -> None:
    assert _rank(scores, target) == rank
    position = np.array([target])
    assert conservative_rank(np.array([scores]), position).tolist() == [rank]


def test_items_that_take_no_part_do_not_count() -> None:
    allowed = tf.constant([False, True, True, True])
    assert _rank([4.0, 3.0, 2.0, 1.0], 1, allowed=allowed) == 1
    assert _rank([3.0, 3.0, 2.0, 1.0], 1, allowed=allowed) == 1
    assert _rank([4.0, 3.0, 2.0, 1.0], 0, allowed=allowed) == UNRANKED
    assert _rank([4.0, 3.0, 2.0, 1.0], -1, allowed=allowed) == UNRANKED


def test_the_first_item_takes_no_part_and_a_target_has_no_score() -> None:
    """A target without a score is looked up as item 0, whose ban must not matter."""
    queries, target = tf.constant([[4.0, 3.0, 2.0, 1.0]] * 3), tf.constant([-1, 1, 0])
    allowed = tf.constant([False, True, True, True])
    ranks = tf_ranks.conservative_rank(queries, UNIT, target, allowed)
    assert ranks.numpy().tolist() == [UNRANKED, 1, UNRANKED]


def test_queries_whose_target_has_no_score_are_not_scored() -> None:
    scored: list[int] = []

    def others(rows: tf.Tensor) -> tf.Tensor:
        scored.extend(rows.numpy())
        return tf.zeros([len(rows), 1])

    target = tf.constant([-1, 1, 0, 4, -1])
    allowed = tf.constant([False, True, True, True])
    ranks = tf_ranks.conservative_rank(tf.ones([5, 4]), UNIT, target, allowed, others=others)
    assert ranks.numpy().tolist() == [UNRANKED, 3, UNRANKED, 4, UNRANKED]
    assert scored == [1, 3]


def test_a_nan_query_finds_nothing() -> None:
    assert _rank([NAN] * 4, 0) == UNRANKED


def test_a_nan_candidate_counts_against_every_target_and_is_not_recommended() -> None:
    candidates = np.array([[1.0], [NAN], [3.0]], np.float32)
    queries, target = np.ones([3, 1], np.float32), np.arange(3)

    ranks = tf_ranks.conservative_rank(queries, candidates.T, target)

    assert ranks.numpy().tolist() == [3, UNRANKED, 2]
    assert ranks.numpy().tolist() == conservative_rank(queries @ candidates.T, target).tolist()


@pytest.fixture(params=[(1, 13), (13, 13), (40, 5), (10_000, 13), (9, 3), (12, 4), (7, 7)], ids=str)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of at most so many scores, and tiles of so many items."""
    scores, items = request.param
    monkeypatch.setattr(tf_ranks, "_SCORES_PER_BLOCK", scores)
    monkeypatch.setattr(tf_ranks, "_ITEMS_PER_TILE", items)
    monkeypatch.setattr(tf_ranks, "_MOST_ITEMS_AT_ONCE", items)
    monkeypatch.setattr(tf_ranks, "_QUERIES_PER_BLOCK", items)


@pytest.mark.parametrize("target_type", [np.int32, np.int64])
def test_equals_the_numpy_rule_in_blocks_of_any_size(blocks: None, target_type: type) -> None:
    random = np.random.default_rng(7)
    # Small integers make many ties, and products that are exact in both libraries.
    queries = random.integers(-2, 3, [25, 3]).astype(np.float32)
    queries[3] = NAN
    candidates = random.integers(-2, 3, [13, 3]).astype(np.float32)
    target = random.integers(-1, 13, 25).astype(target_type)

    ranks = tf_ranks.conservative_rank(queries, candidates.T, target)

    expected = conservative_rank(queries @ candidates.T, target)
    assert ranks.dtype == tf.int64
    assert ranks.numpy().tolist() == expected.tolist()
    assert len(set(expected)) > 8


def test_allowed_equals_ranking_among_the_allowed_alone(blocks: None) -> None:
    random = np.random.default_rng(8)
    queries, candidates = random.normal(size=[20, 4]), random.normal(size=[13, 4])
    allowed = np.arange(13) % 3 > 0
    places = np.flatnonzero(allowed)
    target = random.integers(0, len(places), 20)

    ranks = tf_ranks.conservative_rank(queries, candidates.T, places[target], tf.constant(allowed))

    expected = conservative_rank(queries @ candidates[allowed].T, target)
    assert ranks.numpy().tolist() == expected.tolist()


@pytest.mark.parametrize("number_of_others", [0, 1, 4])
def test_changed_scores_and_other_candidates(blocks: None, number_of_others: int) -> None:
    random = np.random.default_rng(9)
    queries = random.integers(-2, 3, [40, 3]).astype(np.float32)
    candidates = random.integers(-2, 3, [13, 3]).astype(np.float32)
    others = random.integers(-3, 4, [40, number_of_others]).astype(np.float32)
    others[random.random(others.shape) < 0.2] = -INF
    target = random.integers(-1, 13 + number_of_others, 40)
    # An item occurs twice in most rows, with one bonus.
    positions = random.integers(-1, 13, [40, 6])
    bonus = (positions * 7 % 5 - 2).astype(np.float32)
    bonus[bonus == 2] = INF
    scores = np.concatenate([queries @ candidates.T, others], axis=1)
    for row, (places, numbers) in enumerate(zip(positions, bonus, strict=True)):
        kept = places >= 0
        scores[row, places[kept]] = (queries[row] @ candidates.T)[places[kept]] + numbers[kept]

    ranks = tf_ranks.conservative_rank(
        queries,
        candidates.T,
        target,
        changes=tf_ranks.Changes(tf.constant(positions), tf.constant(bonus)),
        others=lambda rows: tf.gather(others, rows),
    )

    # Others scored -inf are no candidates, and are below all that are.
    assert ranks.numpy().tolist() == conservative_rank(scores, target).tolist()


def test_equal_vectors_in_different_tiles_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of another shape differ in the last digit, which would break the tie."""
    monkeypatch.setattr(tf_ranks, "_MOST_ITEMS_AT_ONCE", 0)
    random = np.random.default_rng(10)
    candidates = np.concatenate([random.normal(size=[20_000, 65]).astype(np.float32)] * 2)
    queries = random.normal(size=[100, 65]).astype(np.float32)
    target = random.integers(0, len(candidates), 100)
    exact = queries.astype(float) @ candidates.T.astype(float)
    above = exact - exact[np.arange(100), target][:, None]
    for count in (100, 7, 1):
        found = tf_ranks.conservative_rank(queries[:count], candidates.T, target[:count])
        ranks = found.numpy()
        assert (ranks >= np.count_nonzero(above[:count] > 1e-4, axis=1) + 2).all()
        assert (ranks <= np.count_nonzero(above[:count] > -1e-4, axis=1)).all()


def test_no_query_gives_no_rank() -> None:
    ranks = tf_ranks.conservative_rank(tf.zeros([0, 4]), UNIT, tf.zeros([0], tf.int32))
    assert ranks.shape == [0]


def test_unknown_numbers_of_queries_work_in_a_graph() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int64)])
    def rank(queries: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        return tf_ranks.conservative_rank(queries, UNIT, target)

    scores = tf.constant([[4.0, 3.0, 2.0, 1.0]] * 3)
    assert rank(scores, tf.constant([2, 0, -1], tf.int64)).numpy().tolist() == [3, 1, UNRANKED]
    none = tf.constant([-1, -1, -1], tf.int64)
    assert rank(scores, none).numpy().tolist() == [UNRANKED] * 3
    assert rank(scores[:0], tf.zeros([0], tf.int64)).numpy().tolist() == []
