"""Vectors of trained items that move towards those of their neighbors."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.copies.moved_vectors import PRIOR, moved_vectors

VECTORS = np.array([[2, 0], [0, 1], [0, 3], [-2, 0]], np.float32)
EVENTS = np.array([1, 1, 1, 1])


def sums_of(**cells: float) -> sparse.csr_matrix:
    """Returns sums by names such as `of_0_1`: of item 0, its neighbor 1."""
    found = np.zeros([4, 4])
    for name, value in cells.items():
        _, item, neighbor = name.split("_")
        found[int(item), int(neighbor)] = value
    return sparse.csr_matrix(found)


def test_the_vector_is_the_mean_of_both_at_its_own_length() -> None:
    """Sums of as much as the trained vector counts: half of each."""
    found = moved_vectors(VECTORS, sums_of(of_0_1=PRIOR / 2, of_0_2=PRIOR / 2), EVENTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], [2**0.5, 2**0.5], rtol=1e-6)
    np.testing.assert_array_equal(found[1:], VECTORS[1:])


def test_an_item_of_more_events_moves_less() -> None:
    sums = sums_of(of_0_2=4.0, of_3_2=4.0)
    found = moved_vectors(VECTORS, sums, np.array([1, 1, 1, 100]))
    assert 0 < found[3, 1] < found[0, 1]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(VECTORS, axis=1))


def test_more_clicks_move_it_further() -> None:
    few, many = (moved_vectors(VECTORS, sums_of(of_0_2=n), EVENTS)[0, 1] for n in (1.0, 9.0))
    assert 0 < few < many < 2


def test_without_clicks_nothing_moves() -> None:
    np.testing.assert_array_equal(moved_vectors(VECTORS, sums_of(), EVENTS), VECTORS)


def test_a_mean_without_direction_moves_nothing() -> None:
    """An item whose neighbor lies opposite, and one of no length."""
    vectors = VECTORS.copy()
    vectors[1] = 0
    sums = sums_of(of_0_3=PRIOR, of_1_2=1.0)
    found = moved_vectors(vectors, sums, EVENTS)
    np.testing.assert_array_equal(found, vectors)


def test_an_item_without_events_counts_as_one_of_one() -> None:
    sums = sums_of(of_0_2=4.0)
    found = moved_vectors(VECTORS, sums, np.zeros(4))
    np.testing.assert_array_equal(found, moved_vectors(VECTORS, sums, EVENTS))
