"""The coded index: most of the best items, each once, scored exactly, in a settled order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modules.ann.pq_index import CodeOptions, PQIndex, holds_index

pytest.importorskip("faiss", reason="faiss is not installed: environment.py setup --extra ann")

DIM = 16
OPTIONS = CodeOptions(dimensions_per_code=2, rescored=400)


def _clustered(items: int, dim: int = DIM) -> np.ndarray:
    """Makes vectors of length 1 in families, as training leaves them: neither alike nor random."""
    draw = np.random.default_rng(0)
    centers = draw.normal(size=(max(1, items // 40), dim))
    vectors = centers[draw.integers(len(centers), size=items)] + draw.normal(size=(items, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _queries(vectors: np.ndarray, count: int = 40) -> np.ndarray:
    """Makes queries as the query tower does: between some items."""
    draw = np.random.default_rng(1)
    return vectors[draw.integers(len(vectors), size=(count, 3))].sum(axis=1)


def _top(
    index: PQIndex,
    queries: np.ndarray,
    k: int = 100,
    start: tuple[int, ...] = (),
    bonus: float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Asks for the best, with the same start items in each row."""
    positions = np.tile(np.array(start, np.int64), (len(queries), 1))
    return index.top(queries, positions, np.full(positions.shape, bonus, np.float32), k)


def _recall(index: PQIndex, vectors: np.ndarray) -> float:
    queries = _queries(vectors)
    best = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :100]
    found = _top(index, queries)[1]
    return float(np.mean([np.isin(*pair).mean() for pair in zip(best, found, strict=True)]))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return _clustered(3_000)


@pytest.fixture(scope="module")
def index(vectors: np.ndarray) -> PQIndex:
    return PQIndex.build(vectors, OPTIONS)


def test_finds_most_of_the_best_items_and_more_with_more_effort(
    index: PQIndex, vectors: np.ndarray
) -> None:
    assert 0.98 <= _recall(index, vectors)
    few = PQIndex.build(vectors, OPTIONS._replace(rescored=100))
    coarse = PQIndex.build(vectors, OPTIONS._replace(dimensions_per_code=8))
    assert _recall(few, vectors) < _recall(index, vectors)
    assert _recall(coarse, vectors) < _recall(index, vectors)


def test_answers_are_scored_exactly_sorted_and_without_repeats(
    index: PQIndex, vectors: np.ndarray
) -> None:
    queries = _queries(vectors)
    for query, scores, found in zip(queries, *_top(index, queries, start=(5, 5)), strict=True):
        assert len(set(found.tolist())) == 100
        np.testing.assert_allclose(scores, vectors[found] @ query, rtol=1e-5, atol=1e-6)
        assert (np.diff(scores) <= 0).all()


def test_a_batch_is_answered_as_its_rows_are(index: PQIndex, vectors: np.ndarray) -> None:
    queries = _queries(vectors)
    rows = [_top(index, query[None]) for query in queries]
    for whole, parts in zip(_top(index, queries), zip(*rows, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert [part.shape for part in _top(index, queries[:0])] == [(0, 100), (0, 100)]


@pytest.mark.parametrize("items", [1, 2, 100, 300])
def test_a_small_catalogue_is_answered_exactly(items: int) -> None:
    vectors = _clustered(items)
    queries, k = _queries(vectors, 3), min(items, 100)

    _, found = _top(PQIndex.build(vectors, OPTIONS), queries, k)

    best = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found, best)


def test_equal_items_are_ordered_by_position() -> None:
    vectors = np.tile(_clustered(15), (100, 1))
    _, found = _top(PQIndex.build(vectors, OPTIONS), vectors[7:8], 15)
    np.testing.assert_array_equal(found[0], 7 + 15 * np.arange(15))


def test_start_items_are_found_wherever_they_are_and_get_their_bonus_once(
    index: PQIndex, vectors: np.ndarray
) -> None:
    query = _queries(vectors)[:1]
    worst = int(np.argmin(vectors @ query[0]))

    scores, found = _top(index, query, 5, start=(worst, -1, worst), bonus=9.0)

    assert found[0].tolist().count(worst) == 1 and found[0, 0] == worst
    np.testing.assert_allclose(scores[0, 0], vectors[worst] @ query[0] + 9, rtol=1e-5)
    assert scores[0, 1] < 9 and -1 not in found


@pytest.mark.parametrize("dim", [15, 16, 18])
def test_what_was_saved_answers_as_before(dim: int, tmp_path: Path) -> None:
    vectors = _clustered(2_000, dim)
    index = PQIndex.build(vectors, CodeOptions(4, 200))
    index.save(str(tmp_path / "assets.extra" / "index"))

    again = PQIndex.load(str(tmp_path / "assets.extra" / "index"))

    assert holds_index(str(tmp_path)) and not holds_index(str(tmp_path / "assets.extra"))
    assert (again.items, again.rescored) == (2_000, 200)
    for one, other in zip(_top(index, vectors[:9]), _top(again, vectors[:9]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_building_twice_gives_the_same_index(index: PQIndex, vectors: np.ndarray) -> None:
    again = PQIndex.build(vectors, OPTIONS)
    for one, other in zip(_top(index, vectors), _top(again, vectors), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("items", "rescored"), [(100, 700), (160_000, 800), (10**6, 2_000)])
def test_the_larger_the_catalogue_the_more_is_scored_exactly(items: int, rescored: int) -> None:
    assert CodeOptions(2, None).for_catalogue(items) == CodeOptions(2, rescored)
