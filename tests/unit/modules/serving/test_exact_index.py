"""The index finds what a full sort finds, ties included."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.evaluation.ranks import UNRANKED, conservative_rank
from modules.evaluation.tf_ranks import Changes
from modules.serving.exact_index import BLOCK, ExactIndex, with_recommendable


def _index(items: int, seed: int = 0) -> tuple[ExactIndex, np.ndarray]:
    vectors = np.random.default_rng(seed).normal(size=(items, 4)).astype(np.float32)
    return ExactIndex(tf.constant(vectors)), vectors


def _sorted(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("items", [1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 2_000])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_finds_the_best_items(items: int, k: int) -> None:
    index, vectors = _index(items)
    k = min(k, items)
    queries = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)

    scores, positions = index.top(index.scores(tf.constant(queries)), k)

    expected = queries @ vectors.T
    np.testing.assert_array_equal(positions, _sorted(expected, k))
    best = np.take_along_axis(expected, positions.numpy(), axis=1)
    np.testing.assert_allclose(scores, best, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("values", [1, 2, 5, 40])
@pytest.mark.parametrize("k", [1, 7, 100, 500])
def test_equal_scores_are_ordered_by_position(values: int, k: int) -> None:
    """Few different scores: ties within blocks, between blocks, and at the last place."""
    items = 500
    drawn = np.random.default_rng(values).integers(0, values, (4, items)).astype(np.float32)
    index = ExactIndex(tf.constant(drawn.T))

    _, positions = index.top(index.scores(tf.eye(4)), k)

    np.testing.assert_array_equal(positions, _sorted(drawn, k))


def test_a_filling_column_never_takes_the_place_of_an_item() -> None:
    """All real scores are negative, and the zero vectors that fill the last block are not."""
    items = 200 * BLOCK + 1
    index = ExactIndex(-tf.range(1.0, items + 1)[:, None])

    scores, positions = index.top(index.scores(tf.ones([1, 1])), 100)

    assert positions.numpy().tolist() == [list(range(100))]
    assert scores.numpy().tolist() == [[-float(i) for i in range(1, 101)]]


def test_what_is_left_over_is_marked() -> None:
    index, _ = _index(40)
    scores = np.full([1, index.width], -np.inf, np.float32)
    scores[0, 33] = -5.0

    found, positions = index.top(tf.constant(scores), tf.constant(40))

    assert found.numpy()[0, 0] == -5.0
    assert np.isneginf(found.numpy()[0, 1:]).all()
    assert positions.numpy()[0, 0] == 33
    assert positions.numpy().max() < 40


@pytest.mark.parametrize("values", [2, 40, 1_000_000])
@pytest.mark.parametrize("items", [5, 70, 4_000])
@pytest.mark.parametrize("k", [1, 5, 100])
@pytest.mark.parametrize("offered", [1.0, 0.3])
def test_changed_items_are_ranked_by_their_changed_scores(
    values: int, items: int, k: int, offered: float
) -> None:
    """Raised and lowered, repeated, tied, withdrawn, best before and worst before."""
    k = min(k, items)
    draw = np.random.default_rng(items)
    drawn = draw.integers(0, values, (3, items)).astype(np.float32)
    index = ExactIndex(tf.constant(drawn.T))
    is_offered = draw.random(items) < offered
    variable = index._columns
    variable.assign(with_recommendable(variable.numpy(), is_offered))
    best, worst = np.argmax(drawn, axis=1), np.argmin(drawn, axis=1)
    one, another = draw.integers(0, items, (2, 3))
    changed = np.stack([best, one, worst, another, one, best], axis=1).astype(np.int32)
    # The same bonus for the same item.
    bonus = np.where(changed == worst[:, None], 2.0 * values, -values / 2).astype(np.float32)

    scores, positions = index.top(index.scores(tf.eye(3)), k, changed, bonus)

    expected = np.where(is_offered, drawn, -np.inf).astype(np.float32)
    rows = np.arange(3)[:, None]
    expected[rows, changed] = expected[rows, changed] + bonus
    best = _sorted(expected, k)
    found = np.take_along_axis(expected, best, axis=1)
    np.testing.assert_array_equal(scores, found)
    is_item = np.isfinite(found)
    np.testing.assert_array_equal(positions.numpy()[is_item], best[is_item])


def test_scores_and_vectors_stand_by_position() -> None:
    index, vectors = _index(150)
    queries = np.random.default_rng(2).normal(size=(2, 4)).astype(np.float32)

    scores = index.scores(tf.constant(queries))

    np.testing.assert_allclose(scores[:, :150], queries @ vectors.T, rtol=1e-5, atol=1e-6)
    assert np.isneginf(scores.numpy()[:, 150:]).all()
    positions = np.array([149, 0, 77])
    np.testing.assert_array_equal(index.vectors_at(tf.constant(positions)), vectors[positions])
    some = np.array([[149, 3, 3], [0, 77, 148]])
    expected = np.take_along_axis(scores.numpy(), some, axis=1)
    np.testing.assert_allclose(index.scores_at(tf.constant(queries), some), expected, atol=1e-5)


def test_targets_are_ranked_among_recommendable_items_and_others() -> None:
    index, vectors = _index(150)
    offered = np.random.default_rng(2).random(150) < 0.6
    index._columns.assign(with_recommendable(index._columns.numpy(), offered))
    random = np.random.default_rng(4)
    queries = random.normal(size=(30, 4)).astype(np.float32)
    scores = np.pad(queries @ vectors.T, [(0, 0), (0, 10)])
    scores[:, ~np.pad(offered, (0, 10))] = -np.inf
    others = random.normal(size=(30, 2)).astype(np.float32)
    target = np.concatenate([random.integers(-1, 150, 25), [160, 161, 160, 161, 160]])
    changes = Changes(
        np.array([[5, 6, 5, -1]] * 30), np.array([[2.0, -np.inf, 2.0, 7.0]] * 30, "f4")
    )
    scores[:, 5] += 2
    scores[:, 6] = -np.inf

    ranks = index.ranks(tf.constant(queries), target, changes, lambda rows: tf.gather(others, rows))

    expected = conservative_rank(np.concatenate([scores, others], 1), target)
    # What is not offered is no candidate, so that it counts no place.
    assert ranks.numpy().tolist() == expected.tolist()
    assert (expected == UNRANKED).any() and (expected[25:] < 162).all()


def test_no_query_finds_nothing() -> None:
    index, _ = _index(40)

    scores, positions = index.top(index.scores(tf.zeros([0, 4])), 7)

    assert scores.shape == positions.shape == [0, 7]


def test_giving_vectors_leaves_reads_of_the_index_without_a_copy() -> None:
    """A copy of the whole index in each later query made one of a million items take .2 s."""
    index, _ = _index(100)

    index.vectors_at(tf.constant([3], tf.int64))
    index.scores_at(tf.zeros([1, 4]), tf.constant([[3]]))
    index.ranks(tf.zeros([1, 4]), tf.constant([3]))

    first, second = (np.asarray(memoryview(index._columns.read_value())) for _ in range(2))
    assert first.ctypes.data == second.ctypes.data


def test_withdrawn_items_are_not_found() -> None:
    index, vectors = _index(300)
    offered = np.random.default_rng(2).random(300) < 0.4
    variable = index._columns
    variable.assign(with_recommendable(variable.numpy(), offered))
    queries = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)

    found, positions = index.top(index.scores(tf.constant(queries)), 150)

    left = int(offered.sum())
    expected = np.where(offered, queries @ vectors.T, -np.inf)
    np.testing.assert_array_equal(positions[:, :left], _sorted(expected, left))
    assert np.all(found.numpy()[:, left:] == -np.inf)
    np.testing.assert_array_equal(index.recommendable(), offered)
    np.testing.assert_array_equal(index.vectors_at(tf.range(300)), vectors)


def test_what_is_not_offered_counts_in_no_rank_even_without_a_number() -> None:
    """0 times infinity is NaN, which counts against a target."""
    index = ExactIndex(tf.range(6, dtype=tf.float32)[:, None])
    assert index.ranks(tf.fill([1, 1], np.inf), tf.constant([5])).numpy().tolist() == [6]
