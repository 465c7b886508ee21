"""Vectors of trained items, moved towards those of the items that were clicked near them since.

Most items of a shop have a handful of events in the training data, and a day of clicks as many
again. An item's vector becomes a weighted mean: of its trained one, which counts `PRIOR` for each
event that it was trained on, and of its neighbors' since, with the sums of
`modules.copies.recent_neighbors`. It keeps its length, that of all members' parts together, so that
no item gains or loses against all others.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.array_types import Float32Array, FloatArray, IntArray
from modules.copies.recent_neighbors import row_sums, shares

PRIOR = 1.0
"""What a trained vector counts for each event of its item: as much as one click beside it.

Selected on split eval, replayed hour by hour: see docs/trials.md.
"""
_ROWS_AT_ONCE = 65_536


def moved_vectors(
    trained: Float32Array, sums: sparse.csr_matrix, events: IntArray | FloatArray
) -> Float32Array:
    """Returns vectors moved towards their neighbors'.

    Args:
      trained: trained vectors, float32 `[size, dim]`.
      sums: sums of the neighbors of each item, `[size, size]`.
      events: events of each item in the training data, `[size]`.

    Returns:
      Float32 `[size, dim]`; rows without neighbors, or whose mean has no direction, as they were.
    """
    moved = trained.copy()
    total = row_sums(sums)
    moving = np.flatnonzero(total > 0)
    for start in range(0, len(moving), _ROWS_AT_ONCE):
        rows = moving[start : start + _ROWS_AT_ONCE]
        weight = total[rows] / (total[rows] + PRIOR * np.maximum(events[rows], 1))
        share = weight.astype(np.float32)[:, None]
        mixed = (1 - share) * trained[rows] + share * (shares(sums[rows]) @ trained)
        length, norm = (np.linalg.norm(each, axis=1)[:, None] for each in (trained[rows], mixed))
        scale = np.divide(length, norm, out=np.zeros_like(norm), where=norm > 0)
        moved[rows] = np.where(norm > 0, mixed * scale, trained[rows])
    return moved
