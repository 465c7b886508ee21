"""Vectors of items that a model was not trained on: means of their neighbors' in sessions.

Shoppers click similar items one after another, so an item lies near those that were clicked within
`REACH` clicks before or after it. Each such click of an item with a vector counts by 1 / clicks
between. One click of a new item is enough: waiting for a second halves what new items gain, see
`benchmarks/freshness.py`.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.array_types import BoolArray, Float32Array, IntArray
from modules.copies.recent_clicks import RecentClicks

REACH = 5
"""Most clicks between an item and a neighbor."""


def neighbor_weights(clicks: RecentClicks, position: IntArray, size: int) -> sparse.csr_matrix:
    """Returns the weights of neighbors in the vectors of new items.

    Args:
      clicks: the clicks.
      position: place among the vectors of each of the clicks' items, int64 `[items]`; below 0 for
        items without a vector.
      size: number of vectors.

    Returns:
      `[items, size]`, each row with a sum of 1; rows of items that have a vector, or no neighbor
      that has one, are empty.
    """
    rows, columns, weights = [], [], []
    place = position[clicks.item]
    for distance in range(1, REACH + 1):
        is_pair = clicks.session[distance:] == clicks.session[:-distance]
        first, second = np.flatnonzero(is_pair), np.flatnonzero(is_pair) + distance
        for item, neighbor in ((first, second), (second, first)):
            is_new: BoolArray = (place[item] < 0) & (place[neighbor] >= 0)
            rows.append(clicks.item[item[is_new]])
            columns.append(place[neighbor[is_new]])
            weights.append(np.full(int(is_new.sum()), 1 / distance))
    cells = (np.concatenate(rows), np.concatenate(columns))
    shape = (len(clicks.item_ids), size)
    found = sparse.coo_matrix((np.concatenate(weights), cells), shape).tocsr()
    total = np.asarray(found.sum(axis=1)).ravel()
    shares = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.diags(shares) @ found


def mean_vectors(weights: sparse.csr_matrix, vectors: Float32Array) -> Float32Array:
    """Returns the weighted means of vectors `[size, dim]`, float32 `[items, dim]`."""
    return np.asarray(weights @ vectors, np.float32)
