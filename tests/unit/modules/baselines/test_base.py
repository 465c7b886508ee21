from __future__ import annotations

import numpy as np
from scipy import sparse

from modules.baselines.base import rank_among_scored
from modules.evaluation.ranks import conservative_rank


def test_sparse_ranks_equal_the_dense_ones() -> None:
    random = np.random.default_rng(5)
    dense = random.integers(1, 6, (200, 15)).astype(float)  # many ties
    dense[random.random(dense.shape) < 0.6] = -np.inf
    dense[random.random(dense.shape) < 0.03] = np.nan
    target = random.integers(0, 15, 200)
    stored = ~np.isneginf(dense)
    scores = sparse.csr_matrix((dense[stored], np.nonzero(stored)), shape=dense.shape)

    expected = conservative_rank(dense, target)

    np.testing.assert_array_equal(rank_among_scored(scores, target), expected)
