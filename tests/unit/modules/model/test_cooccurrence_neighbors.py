"""Which items are neighbors, by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from modules.data import pair_sums
from modules.model import cooccurrence_neighbors

WINDOWS = np.array([[2, 3, 4, 0], [3, 2, 3, 0], [5, 5, 0, 0]])


def _chunks(*padded: npt.NDArray[np.int64]) -> list[tuple[npt.NDArray[np.int64], ...]]:
    return [(windows[windows > 0], np.count_nonzero(windows, axis=1)) for windows in padded]


def test_closeness_is_one_over_the_gap_both_ways() -> None:
    """2-3 three times next to each other, 3-4 once; 2-4 two events apart; 5 has only itself."""
    together = cooccurrence_neighbors.cooccurrences(_chunks(WINDOWS[:2], WINDOWS[2:]), 6).toarray()
    expected = np.zeros((6, 6))
    expected[2, 3], expected[3, 4], expected[2, 4] = 3.0, 1.0, 0.5
    np.testing.assert_allclose(together, expected + expected.T)


def test_nearest_by_the_weight_of_graph_convolutions() -> None:
    """Sums: item 2 has 3.5, item 3 has 4, item 4 has 1.5."""
    together = cooccurrence_neighbors.cooccurrences(_chunks(WINDOWS), 6)
    items, weight = cooccurrence_neighbors.nearest_neighbors(together, 2)
    assert items.tolist() == [[0, 0], [0, 0], [3, 4], [2, 4], [3, 2], [0, 0]]
    of_3, of_4 = 3 / np.sqrt(3.5 * 4), 0.5 / np.sqrt(3.5 * 1.5)
    assert weight[2] == pytest.approx([of_3 / (of_3 + of_4), of_4 / (of_3 + of_4)])
    np.testing.assert_allclose(weight.sum(axis=1), [0, 0, 1, 1, 1, 0], rtol=1e-6)
    nearest, alone = cooccurrence_neighbors.nearest_neighbors(together, 1)
    assert nearest[:, 0].tolist() == [0, 0, 3, 2, 3, 0]
    assert alone[:, 0].tolist() == [0, 0, 1, 1, 1, 0]


def _matrix_after_matrix(
    chunks: Sequence[npt.NDArray[np.int64]], item_indices: int
) -> sparse.csr_matrix:
    """Adds a matrix of all items per chunk and gap: the same sums, in quadratic time."""
    total = sparse.csr_matrix((item_indices, item_indices))
    for items in chunks:
        for gap in range(1, cooccurrence_neighbors.LARGEST_GAP + 1):
            first, second = items[:, :-gap].ravel(), items[:, gap:].ravel()
            paired = (first > 0) & (second > 0) & (first != second)
            terms = np.full(np.count_nonzero(paired), 1.0 / gap)
            total += sparse.csr_matrix((terms, (first[paired], second[paired])), total.shape)
    return total + total.T


@pytest.mark.parametrize("most", [1, 50, 10**6])
def test_sums_do_not_depend_on_what_is_worked_on_at_a_time(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, in one chunk and in many, whose sums differ in it."""
    random = np.random.default_rng(0)
    windows = random.integers(2, 40, (300, 9))
    windows[np.arange(9) >= random.integers(2, 10, 300)[:, None]] = 0
    expected = [
        (chunks, _matrix_after_matrix(chunks, 40))
        for chunks in ([windows], np.array_split(windows, 25))
    ]
    nearest = cooccurrence_neighbors.nearest_neighbors(expected[0][1], 6)
    monkeypatch.setattr(pair_sums, "_WAITING_TERMS", most)
    for bound in ("_EVENTS_PER_BLOCK", "_PAIRS_PER_BLOCK"):
        monkeypatch.setattr(cooccurrence_neighbors, bound, most)
    for chunks, sums in expected:
        found = cooccurrence_neighbors.cooccurrences(_chunks(*chunks), 40)
        np.testing.assert_array_equal(found.toarray(), sums.toarray())
    found = cooccurrence_neighbors.nearest_neighbors(expected[0][1], 6)
    np.testing.assert_array_equal(found.items, nearest.items)
    np.testing.assert_array_equal(found.weight, nearest.weight)
