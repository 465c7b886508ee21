"""Vectors of trained items, moved towards those of the items that were clicked near them since.

Most items of a shop have a handful of events in the training data, and a day of clicks as many
again. An item's vector becomes the mean of two: of its trained one, which counts as `PRIOR` clicks
beside it for each event that it was trained on, and of its neighbors' since, each by its clicks. It
keeps its length, so that no item gains or loses against all others by that.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.array_types import Float32Array, FloatArray
from modules.copies.recent_neighbors import row_sums, shares

PRIOR = 2.0
"""Clicks beside an item that its trained vector counts as, for each event in the training data.

Selected on split eval of RetailRocket, replayed hour by hour: see docs/model.md.
"""


def moved_vectors(
    vectors: Float32Array, sums: sparse.csr_matrix, events: FloatArray
) -> Float32Array:
    """Returns vectors moved towards their neighbors'.

    Args:
      vectors: trained vectors, float32 `[size, dim]`.
      sums: how often the items of other vectors were clicked near each item, `[size, size]`.
      events: events of each item in the training data, `[size]`.

    Returns:
      Float32 `[size, dim]`; rows without neighbors, or whose mean has no direction, as they were.
    """
    total = row_sums(sums)
    moving = np.flatnonzero(total > 0)
    share = total[moving] / (total[moving] + PRIOR * np.maximum(events[moving], 1))
    was = vectors[moving].astype(np.float64)
    mean = shares(sums[moving]) @ vectors
    mixed = (1 - share)[:, None] * was + share[:, None] * mean
    length, size = (np.linalg.norm(each, axis=1, keepdims=True) for each in (was, mixed))
    moved = vectors.copy()
    kept = np.divide(length, size, out=np.zeros_like(size), where=size > 0)
    moved[moving] = np.where(size > 0, mixed * kept, was)
    return moved
