"""Neighbors of items in clicks, beside a slow reference that walks through sessions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import sparse

from modules.copies import recent_neighbors
from modules.copies.recent_clicks import RecentClicks
from modules.copies.recent_neighbors import MOST_PER_SESSION, REACH, neighbor_sums, row_sums, shares


def clicks_of(*sessions: list[int], weight: float | None = None) -> RecentClicks:
    """Returns clicks of items by their numbers."""
    item = np.concatenate([np.array(session, np.int64) for session in sessions])
    ids = np.array([b"%d" % number for number in range(10)], object)
    return RecentClicks(
        session=np.repeat(np.arange(len(sessions)), [len(session) for session in sessions]),
        time=np.arange(len(item)),
        item=item,
        item_ids=ids,
        rejected=Counter(),
        weight=None if weight is None else np.full(len(item), weight),
    )


def reference(sessions: list[list[int]], position: list[int], size: int) -> np.ndarray:
    sums = np.zeros([10, size])
    for session in sessions:
        gaps: dict[tuple[int, int], int] = {}
        for at, item in enumerate(session):
            for other, neighbor in enumerate(session):
                gap = abs(at - other)
                if position[neighbor] >= 0 and gap <= REACH and item != neighbor:
                    pair = item, position[neighbor]
                    gaps[pair] = min(gap, gaps.get(pair, REACH))
        own = np.zeros_like(sums)
        for pair, gap in gaps.items():
            own[pair] = 1 / gap
        sums += own * np.minimum(1, MOST_PER_SESSION / np.maximum(own.sum(1, keepdims=True), 1e-9))
    return sums


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_those_of_the_reference(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sessions = [draw.integers(0, 10, draw.integers(1, 15)).tolist() for _ in range(20)]
    position = [3, 0, -1, 1, -1, 2, -1, -1, 4, -1]
    found = neighbor_sums(clicks_of(*sessions), np.array(position), 5)
    np.testing.assert_allclose(found.toarray(), reference(sessions, position, 5), rtol=1e-6)
    np.testing.assert_allclose(row_sums(found), found.toarray().sum(axis=1), rtol=1e-6)


def test_clicks_count_by_the_events_that_they_stand_for() -> None:
    position = np.array([0, 1, *[-1] * 8])
    once, often = clicks_of([0, 2, 1], [1, 2]), clicks_of([0, 2, 1], [1, 2], weight=10.0)
    found = neighbor_sums(often, position, 2).toarray()
    np.testing.assert_allclose(found, 10 * neighbor_sums(once, position, 2).toarray())


def test_sessions_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million clicks at once would take gigabytes."""
    draw = np.random.default_rng(1)
    sessions = [draw.integers(0, 10, draw.integers(1, 15)).tolist() for _ in range(40)]
    clicks, position = clicks_of(*sessions, weight=0.3), np.arange(10)
    whole = neighbor_sums(clicks, position, 10).toarray()
    for size in (1, 7, 50):
        monkeypatch.setattr(recent_neighbors, "_CLICKS_AT_ONCE", size)
        found = neighbor_sums(clicks, position, 10).toarray()
        np.testing.assert_allclose(found, whole, rtol=1e-5)


def test_a_session_counts_once_for_a_pair_and_little_for_an_item() -> None:
    """A bot that clicks an item and others in turns all day would move it as it likes."""
    position = np.array([0, 1, *[-1] * 8])
    often = neighbor_sums(clicks_of([0, 1] * 1000), position, 2).toarray()
    np.testing.assert_array_equal(often, neighbor_sums(clicks_of([0, 1]), position, 2).toarray())
    assert neighbor_sums(clicks_of([0, 2, 1, 0], [1, 0]), position, 2)[0, 1] == 2
    with_all = [other for number in range(1, 10) for other in (0, number)]
    found = neighbor_sums(clicks_of(with_all), np.arange(10), 10)
    assert row_sums(found)[0] == pytest.approx(MOST_PER_SESSION)


def test_an_item_beside_no_known_one_has_no_neighbor() -> None:
    position = np.array([0, *[-1] * 9])
    far = [0, *[2] * REACH, 1]
    found = neighbor_sums(clicks_of(far, [1], [3, 4]), position, 1).toarray()
    assert np.flatnonzero(found[:, 0]).tolist() == [2]


def test_without_clicks_there_are_no_neighbors() -> None:
    found = neighbor_sums(clicks_of([]), np.full(10, -1), 4)
    assert found.shape == (10, 4) and not found.nnz


def test_shares_add_up_to_one_where_there_are_neighbors() -> None:
    found = shares(sparse.csr_matrix([[1.0, 3.0], [0, 0]])).toarray()
    assert found.tolist() == [[0.25, 0.75], [0, 0]]
