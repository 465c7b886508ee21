"""Which items with a vector were clicked near an item since the training, and how near."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.copies.recent_clicks import RecentClicks

REACH = 5
"""Most clicks between an item and a neighbor."""
MOST_PER_SESSION = 2.0
"""Largest sum of the neighbors of an item in one session."""
_CLICKS_AT_ONCE = 200_000


def neighbor_sums(clicks: RecentClicks, position: IntArray, size: int) -> sparse.csr_matrix:
    """Adds up how near items were clicked to those that have a vector.

    A session counts once for an item and a neighbor, where they are at most `REACH` clicks apart,
    by 1 / the fewest clicks between the two. For all neighbors of an item it counts at most
    `MOST_PER_SESSION`, so that no single session decides; all that times the events that its clicks
    count as. No item is a neighbor of itself.

    Args:
      clicks: the clicks.
      position: place among the vectors of each of the clicks' items, int64 `[items]`; below 0 for
        items without a vector.
      size: number of vectors.

    Returns:
      Float32 `[items, size]`; rows of items beside none that has a vector are empty.
    """
    found = sparse.csr_matrix((len(clicks.item_ids), size), dtype=np.float32)
    begins = np.flatnonzero(np.diff(clicks.session, prepend=-1))
    blocks = np.unique(begins // _CLICKS_AT_ONCE, return_index=True)[1]
    for begin, end in pairwise([*begins[blocks].tolist(), len(clicks.session)]):
        found += _sums_of(clicks, slice(begin, end), position, found.shape)
    return found


def _sums_of(
    clicks: RecentClicks, block: slice, position: IntArray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Returns `neighbor_sums` of some of the sessions."""
    session, item = clicks.session[block], clicks.item[block]
    place = position[item]
    pairs = []
    for distance in range(1, REACH + 1):
        is_pair = session[distance:] == session[:-distance]
        first, second = np.flatnonzero(is_pair), np.flatnonzero(is_pair) + distance
        for near, far in ((first, second), (second, first)):
            counts = (place[far] >= 0) & (item[near] != item[far])
            pairs.append((near[counts], far[counts], np.full(counts.sum(), 1 / distance)))
    click, other, share = (np.concatenate(part) for part in zip(*pairs, strict=True))
    of_session, row, column = session[click], item[click], place[other]
    order = np.lexsort((column, row, of_session))  # stable: the closest of each pair comes first
    of_item = _changes(of_session[order]) | _changes(row[order])
    kept = of_item | _changes(column[order])
    order, group = order[kept], np.cumsum(of_item)[kept] - 1
    total = np.bincount(group, share[order])
    sums = share[order] * np.minimum(1, MOST_PER_SESSION / total)[group]
    if clicks.weight is not None:
        sums *= clicks.weight[block][click[order]]
    cells = row[order], column[order]
    return sparse.csr_matrix((sums.astype(np.float32), cells), shape)


def _changes(values: IntArray) -> BoolArray:
    """Returns which values differ from the one before, bool; the first does."""
    return np.diff(values, prepend=-1) != 0


def row_sums(sums: sparse.csr_matrix) -> FloatArray:
    """Returns the sum of each row, float64 `[rows]`."""
    return np.asarray(sums.sum(axis=1), np.float64).ravel()


def shares(sums: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns rows divided by their sums; empty ones stay empty."""
    total = row_sums(sums)
    factors = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.csr_matrix(sparse.diags(factors.astype(sums.dtype)) @ sums)
