"""Which items are neighbors, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules.model import cooccurrence_neighbors

WINDOWS = np.array([[2, 3, 4, 0], [3, 2, 3, 0], [5, 5, 0, 0]])


def test_closeness_is_one_over_the_gap_both_ways() -> None:
    """2-3 three times next to each other, 3-4 once; 2-4 two events apart; 5 has only itself."""
    together = cooccurrence_neighbors.cooccurrences([WINDOWS[:2], WINDOWS[2:]], 6).toarray()
    expected = np.zeros((6, 6))
    expected[2, 3], expected[3, 4], expected[2, 4] = 3.0, 1.0, 0.5
    np.testing.assert_allclose(together, expected + expected.T)


def test_nearest_by_the_weight_of_graph_convolutions() -> None:
    """Sums: item 2 has 3.5, item 3 has 4, item 4 has 1.5."""
    together = cooccurrence_neighbors.cooccurrences([WINDOWS], 6)
    items, weight = cooccurrence_neighbors.nearest_neighbors(together, 2)
    assert items.tolist() == [[0, 0], [0, 0], [3, 4], [2, 4], [3, 2], [0, 0]]
    of_3, of_4 = 3 / np.sqrt(3.5 * 4), 0.5 / np.sqrt(3.5 * 1.5)
    assert weight[2] == pytest.approx([of_3 / (of_3 + of_4), of_4 / (of_3 + of_4)])
    np.testing.assert_allclose(weight.sum(axis=1), [0, 0, 1, 1, 1, 0], rtol=1e-6)
    nearest, alone = cooccurrence_neighbors.nearest_neighbors(together, 1)
    assert nearest[:, 0].tolist() == [0, 0, 3, 2, 3, 0]
    assert alone[:, 0].tolist() == [0, 0, 1, 1, 1, 0]
