"""The interface of baselines, and ranks where only few items of the catalogue have a score.

All work on the arrays of `modules.evaluation.prediction_steps`; whatever grows with the catalogue
is sparse. A test holds the ranks equal to `modules.evaluation.ranks`, where all items
have a score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from scipy import sparse

from modules.array_types import IntArray
from modules.evaluation.prediction_steps import IndexedSessions, Steps
from modules.evaluation.ranks import UNRANKED


class Baseline(Protocol):
    """The interface of a baseline."""

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Learns from training sessions over a catalogue of `items` items, all of them known."""

    def ranks(self, steps: Steps) -> IntArray:
        """Returns the target's conservative rank at each step, int64 `[steps]`."""


class SparseBaseline(ABC):
    """A baseline that scores few items at each step and recommends no others."""

    items = 0

    @abstractmethod
    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Learns from training sessions and sets `items`, the size of the catalogue."""

    @abstractmethod
    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns the scores at each step, `[steps, items]`; only stored items have one."""

    def cost(self, steps: Steps) -> IntArray:
        """Returns about how many entries in memory each step takes, int64 `[steps]`."""
        return steps.end - steps.first

    def ranks(self, steps: Steps) -> IntArray:
        """Returns the target's conservative rank at each step, int64 `[steps]`."""
        blocks = [
            rank_among_scored(self.scores(block), block.target)
            for block in steps.blocks(self.cost(steps))
        ]
        return np.concatenate([np.empty(0, dtype=np.int64), *blocks])

    def best_ranks(self, steps: Steps, step: IntArray, item: IntArray) -> IntArray:
        """Returns the best conservative rank of some items at each step, int64 `[steps]`.

        Args:
          steps: the steps.
          step: row of the step of each item, int64 `[pairs]`, rising.
          item: positions among the items, int64 `[pairs]`.
        """
        blocks, begin = [np.empty(0, dtype=np.int64)], 0
        for block in steps.blocks(self.cost(steps)):
            pairs = slice(*np.searchsorted(step, [begin, begin + len(block)]))
            blocks.append(best_among_scored(self.scores(block), step[pairs] - begin, item[pairs]))
            begin += len(block)
        return np.concatenate(blocks)


def best_among_scored(scores: sparse.csr_matrix, row: IntArray, item: IntArray) -> IntArray:
    """Returns the best of the ranks that `rank_among_scored` gives to some items of each row.

    Args:
      scores: sparse `[n, items]`; items that are not stored have no score.
      row: row of each item, int64 `[pairs]`.
      item: positions among the items, int64 `[pairs]`.

    Returns:
      int64 `[n]`; `UNRANKED` for a row none of whose items has a score.
    """
    rows, items = scores.shape
    stored = np.diff(scores.indptr)
    row_of_stored = np.repeat(np.arange(rows), stored)
    scores.sort_indices()
    cell = np.append(row_of_stored * items + scores.indices, -1)
    wanted = row * items + item
    place = np.searchsorted(cell[:-1], wanted)
    best = np.full(rows, -np.inf)
    found = cell[place] == wanted
    np.fmax.at(best, row[found], scores.data[place[found]])
    below = np.bincount(row_of_stored[scores.data < best[row_of_stored]], minlength=rows)
    ranks: IntArray = np.where(best > -np.inf, stored - below, UNRANKED)
    return ranks


def rank_among_scored(scores: sparse.csr_matrix, target: IntArray) -> IntArray:
    """Ranks each target by `ranks.conservative_rank`'s rule, where most items have no score.

    Args:
      scores: sparse `[n, items]`; items that are not stored have no score.
      target: positions among the items, int64 `[n]`.

    Returns:
      int64 `[n]`; a target without a score (not stored, NaN, -inf) gets rank `UNRANKED`.
    """
    rows = scores.shape[0]
    row = np.repeat(np.arange(rows), np.diff(scores.indptr))
    is_target = scores.indices == target[row]
    of_target = np.full(rows, np.nan)
    of_target[row[is_target]] = scores.data[is_target]
    below = np.bincount(row[scores.data < of_target[row]], minlength=rows)
    stored = np.diff(scores.indptr)
    return np.where(of_target > -np.inf, stored - below, UNRANKED)
