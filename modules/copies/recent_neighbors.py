"""Which items with a vector were clicked near an item since the training, and how often."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.array_types import IntArray
from modules.copies.recent_clicks import RecentClicks

REACH = 5
"""Most clicks between an item and a neighbor."""


def neighbor_sums(clicks: RecentClicks, position: IntArray, size: int) -> sparse.csr_matrix:
    """Adds up how near items were clicked to those that have a vector.

    Each session counts once for an item and a neighbor, where they are at most `REACH` clicks
    apart: by the events that its clicks count as, divided by the fewest clicks between the two. So
    no single session decides. No item is a neighbor of itself.

    Args:
      clicks: the clicks.
      position: place among the vectors of each of the clicks' items, int64 `[items]`; below 0 for
        items without a vector.
      size: number of vectors.

    Returns:
      Float64 `[items, size]`; rows of items beside none that has a vector are empty.
    """
    place = position[clicks.item]
    pairs = []
    for distance in range(1, REACH + 1):
        is_pair = clicks.session[distance:] == clicks.session[:-distance]
        first, second = np.flatnonzero(is_pair), np.flatnonzero(is_pair) + distance
        for item, neighbor in ((first, second), (second, first)):
            counts = (place[neighbor] >= 0) & (clicks.item[item] != clicks.item[neighbor])
            near, far = item[counts], neighbor[counts]
            share = np.full(len(near), 1 / distance)
            if clicks.weight is not None:
                share *= clicks.weight[near]
            pairs.append((clicks.session[near], clicks.item[near], place[far], share))
    session, row, column, sums = (np.concatenate(part) for part in zip(*pairs, strict=True))
    cell = row * size + column
    order = np.lexsort((cell, session))  # stable, so the closest of each pair comes first
    is_other = (np.diff(session[order], prepend=-1) != 0) | (np.diff(cell[order], prepend=-1) != 0)
    kept = order[is_other]
    shape = (len(clicks.item_ids), size)
    return sparse.coo_matrix((sums[kept], (row[kept], column[kept])), shape).tocsr()


def row_sums(sums: sparse.csr_matrix) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns the sum of each row, float64 `[rows]`."""
    return np.asarray(sums.sum(axis=1), np.float64).ravel()


def shares(sums: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns rows divided by their sums; empty ones stay empty."""
    total = row_sums(sums)
    factors = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.csr_matrix(sparse.diags(factors) @ sums)
