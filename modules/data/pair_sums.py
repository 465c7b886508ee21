"""Sums by pair of items, collected part by part; NumPy and SciPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from modules.array_types import IntArray

# So many terms wait, or a quarter of the pairs if that is more.
_WAITING_TERMS = 1 << 20

Terms = npt.NDArray[Any]


class PairSums:
    """Sums by pair of items, each in the order of its terms: the last digit depends on it.

    Terms wait until there are many, so that the sums are seldom copied to insert new pairs:
    time is linear in the number of terms, memory in the number of different pairs.
    """

    def __init__(self, items: int, dtype: npt.DTypeLike) -> None:
        """Starts without a pair.

        Args:
          items: number of items; a pair is first * items + second.
          dtype: type of the sums, float64 or int64.
        """
        self._items = items
        self._pairs, self._sums = np.zeros(0, np.int64), np.zeros(0, dtype)
        self._waiting: list[tuple[IntArray, Terms]] = []
        self._terms = 0

    def add(self, pairs: IntArray, term: float) -> None:
        """Adds a term to the sum of each of some pairs, int64 `[n]`; a pair may occur again."""
        if not len(pairs):
            return
        # The sum of one call's equal terms comes first, whatever else waits.
        distinct, times = np.unique(pairs, return_counts=True)
        multiples = np.cumsum(np.full(int(times.max()), term, self._sums.dtype))
        self._waiting.append((distinct, multiples[times - 1]))
        self._terms += len(distinct)
        if self._terms > max(_WAITING_TERMS, len(self._pairs) // 4):
            self._add_waiting()

    def into_matrix(self) -> sparse.csr_matrix:
        """Returns the sums, `[items, items]`, and starts again without a pair."""
        self._add_waiting()
        pairs, sums = self._pairs, self._sums
        self._pairs, self._sums = pairs[:0], sums[:0]
        indptr = np.searchsorted(pairs, np.arange(self._items + 1) * self._items)
        column = np.remainder(pairs, self._items, out=pairs).astype(np.int32)
        return sparse.csr_matrix((sums, column, indptr), shape=(self._items, self._items))

    def _add_waiting(self) -> None:
        if not self._waiting:
            return
        pairs, terms = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        self._waiting, self._terms = [], 0
        place = np.searchsorted(self._pairs, pairs)
        known = place < len(self._pairs)
        known[known] = self._pairs[place[known]] == pairs[known]
        np.add.at(self._sums, place[known], terms[known])
        new, of_new = np.unique(pairs[~known], return_inverse=True)
        sums = np.zeros(len(new), self._sums.dtype)
        np.add.at(sums, of_new, terms[~known])
        place = np.searchsorted(self._pairs, new)
        self._pairs = np.insert(self._pairs, place, new)
        self._sums = np.insert(self._sums, place, sums)
