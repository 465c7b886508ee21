"""The walk on the neighbor graph: most of the best items, each once, in a settled order."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules import proximity_graph
from modules.graph_index import GraphIndex
from modules.proximity_graph import nearest_neighbors, partitions

DIM = 16
NO_START = tf.zeros([0], tf.int32)
NO_BONUS = tf.zeros([0], tf.float32)


def _clustered(items: int, seed: int = 0) -> np.ndarray:
    """Makes vectors of length 1 in families, as training leaves them: neither alike nor random."""
    draw = np.random.default_rng(seed)
    centers = draw.normal(size=(max(1, items // 40), DIM))
    vectors = centers[draw.integers(len(centers), size=items)] + draw.normal(size=(items, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _index(vectors: np.ndarray, neighbors: int = 32, widths: tuple[int, ...] = (16, 32, 32)):
    return GraphIndex(vectors, nearest_neighbors(vectors, neighbors), widths)


def _queries(vectors: np.ndarray, count: int = 40) -> np.ndarray:
    """Makes queries as the query tower does: between some items."""
    draw = np.random.default_rng(1)
    return vectors[draw.integers(len(vectors), size=(count, 3))].sum(axis=1)


def _recall(index: GraphIndex, vectors: np.ndarray, k: int) -> float:
    shares = []
    for query in _queries(vectors):
        best = np.argsort(-(vectors @ query), kind="stable")[:k]
        _, found = index.top(tf.constant(query), NO_START, NO_BONUS, k)
        shares.append(np.isin(best, found).mean())
    return float(np.mean(shares))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return _clustered(3_000)


@pytest.fixture(scope="module")
def index(vectors: np.ndarray) -> GraphIndex:
    return _index(vectors)


def test_finds_most_of_the_best_items(index: GraphIndex, vectors: np.ndarray) -> None:
    assert _recall(index, vectors, 100) >= 0.98


def test_more_steps_find_more(index: GraphIndex, vectors: np.ndarray) -> None:
    narrow = _index(vectors, widths=(1,))
    assert _recall(narrow, vectors, 100) < 0.9 < _recall(index, vectors, 100)


def test_answers_are_scored_exactly_sorted_and_without_repeats(
    index: GraphIndex, vectors: np.ndarray
) -> None:
    for query in _queries(vectors):
        scores, found = index.top(tf.constant(query), NO_START, NO_BONUS, 100)
        assert len(set(found.numpy().tolist())) == 100
        np.testing.assert_allclose(scores, vectors[found.numpy()] @ query, rtol=1e-5, atol=1e-6)
        assert (np.diff(scores) <= 0).all()


def test_the_same_query_and_the_same_vectors_give_the_same_answer(
    index: GraphIndex, vectors: np.ndarray
) -> None:
    query = tf.constant(_queries(vectors)[0])
    again = _index(vectors)
    for one, other in zip(
        index.top(query, NO_START, NO_BONUS, 50),
        again.top(query, NO_START, NO_BONUS, 50),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("items", [1, 2, 5, 100, 300])
def test_a_small_catalogue_is_answered_exactly(items: int) -> None:
    vectors = _clustered(items)
    query = _queries(vectors, 1)[0]
    k = min(items, 100)

    _, found = _index(vectors).top(tf.constant(query), NO_START, NO_BONUS, k)

    np.testing.assert_array_equal(found, np.argsort(-(vectors @ query), kind="stable")[:k])


@pytest.mark.parametrize("copies", [2, 15])
def test_equal_items_are_ordered_by_position(copies: int) -> None:
    vectors = np.tile(_clustered(100), (copies, 1))
    query = vectors[7]

    _, found = _index(vectors).top(tf.constant(query), NO_START, NO_BONUS, copies)

    np.testing.assert_array_equal(found, 7 + 100 * np.arange(copies))


def test_start_items_are_found_wherever_they_are_and_get_their_bonus(
    index: GraphIndex, vectors: np.ndarray
) -> None:
    query = _queries(vectors)[0]
    worst = int(np.argmin(vectors @ query))
    start, bonus = tf.constant([worst, -1, worst]), tf.constant([9.0, 1e9, 9.0])

    scores, found = index.top(tf.constant(query), start, bonus, 5)

    assert found.numpy().tolist().count(worst) == 1 and found[0] == worst
    np.testing.assert_allclose(scores[0], vectors[worst] @ query + 9, rtol=1e-5)
    assert scores[1] < 100


def test_neighbors_are_the_nearest_by_cosine_and_never_the_item_itself() -> None:
    vectors = _clustered(300) * np.linspace(1, 9, 300, dtype=np.float32)[:, None]
    vectors[10] = vectors[11]
    found = nearest_neighbors(vectors, 5)

    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -2)
    assert not (found == np.arange(300)[:, None]).any()
    np.testing.assert_allclose(
        np.take_along_axis(cosines, found, axis=1), -np.sort(-cosines, axis=1)[:, :5], rtol=1e-5
    )


def test_neighbors_of_a_large_catalogue_come_from_partitions(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = nearest_neighbors(vectors, 20)
    monkeypatch.setattr(proximity_graph, "EXACT", 1_000)
    monkeypatch.setattr(proximity_graph, "_PARTITION", 100)
    monkeypatch.setattr(proximity_graph, "_SEARCHED", 12)
    found = nearest_neighbors(vectors, 20)

    shares = [np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)]
    assert np.mean(shares) > 0.8
    assert not (found == np.arange(len(vectors))[:, None]).any()
    np.testing.assert_array_equal(found, nearest_neighbors(vectors, 20))


def test_partitions_keep_families_together_even_with_empty_ones() -> None:
    families = np.repeat(np.eye(4, DIM, dtype=np.float32), 50, axis=0)
    centers, member_of = partitions(families, 8, seed=3)

    assert centers.shape == (8, DIM) and np.isfinite(centers).all()
    assert all(len(set(member_of[at : at + 50])) == 1 for at in range(0, 200, 50))
