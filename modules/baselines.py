"""Simple recommenders that a model has to beat, judged by the same protocol as the model.

A baseline sees what the model sees: the known items of a prefix, in time order. It is fitted on the
training sessions alone and ranks over all items of training. To add one: derive from
`SparseBaseline` (scores for few items) or implement `Baseline` (ranks by any other way), and name
it in `BASELINES`.

Everything works on the arrays of `modules.steps`; what grows with the catalogue is sparse.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np
from scipy import sparse

from modules import metrics
from modules.metrics import FloatArray, IntArray
from modules.steps import (
    UNKNOWN,
    IndexedSessions,
    StepRanks,
    Steps,
    all_steps,
    index_sessions,
    prefix_items,
)


class Baseline(Protocol):
    """What every baseline can do."""

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Learns from training sessions over a catalogue of so many items, all of them known."""

    def ranks(self, steps: Steps) -> IntArray:
        """Returns the target's conservative rank at each step, int64 `[steps]`."""


class SparseBaseline(ABC):
    """A baseline that scores few items at each step; all others share the last rank."""

    items = 0

    @abstractmethod
    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Learns from training sessions and sets `items`, the size of the catalogue."""

    @abstractmethod
    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns the scored items of each step, `[steps, items]`; what is stored is scored."""

    def ranks(self, steps: Steps) -> IntArray:
        """Returns the target's conservative rank at each step, int64 `[steps]`."""
        blocks = [rank_among_scored(self.scores(block), block.target) for block in steps.blocks()]
        return np.concatenate([np.empty(0, dtype=np.int64), *blocks])


class Popularity:
    """Recommends the items with most training events, whatever the session holds."""

    def __init__(self) -> None:
        """Makes an unfitted baseline."""
        self._rank = np.empty(0, dtype=np.int64)

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Counts the events of each item."""
        counts = np.bincount(sessions.items, minlength=items)
        self._rank = items - np.searchsorted(np.sort(counts), counts, side="left")

    def ranks(self, steps: Steps) -> IntArray:
        """Returns how many items have at least as many events as the target."""
        return self._rank[steps.target]


@dataclass
class SequentialRules(SparseBaseline):
    """Counts which items come after the current one, and remembers what the session has seen.

    A pair of items `gap` events apart in a training session (gap 1 to `window`) adds 1 / gap to the
    rule from the first to the second (Kamehkhosh et al., 2017; Ludewig and Jannach, 2018). An item
    that the session opened `age` events before the current one gets `seen_bonus * seen_decay **
    age` on top.

    Attributes:
      window: largest gap of a rule.
      seen_bonus: score of an item just seen; 0 switches the memory off.
      seen_decay: factor per event of age.
      repeats: whether the current item itself may be recommended: rules from an item to itself, and
        the bonus at age 0. Without it a repeated click is always a miss.
    """

    window: int = 10
    seen_bonus: float = 0.1
    seen_decay: float = 0.9
    repeats: bool = False
    _rules: sparse.csr_matrix = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
          ValueError: the window is not between 1 and 20.
        """
        if not 1 <= self.window <= 20:  # beyond, the common denominator leaves int64
            raise ValueError(f"window must be between 1 and 20, got {self.window}")

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Sums the rules, in exact integers: ties must stay ties."""
        self.items = items
        denominator = math.lcm(*range(1, self.window + 1))
        session = np.repeat(np.arange(len(sessions.offsets) - 1), np.diff(sessions.offsets))
        rules = sparse.csr_matrix((items, items), dtype=np.int64)
        for gap in range(1, self.window + 1):
            first, second = sessions.items[:-gap], sessions.items[gap:]
            paired = session[:-gap] == session[gap:]
            if not self.repeats:
                paired &= first != second
            weight = np.full(np.count_nonzero(paired), denominator // gap, dtype=np.int64)
            rules += sparse.csr_matrix(
                (weight, (first[paired], second[paired])), shape=(items, items)
            )
        self._rules = rules.astype(np.float64) / denominator

    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns rules of the current item plus the bonus of the items seen."""
        has_prefix = np.flatnonzero(steps.end > steps.first)
        current = steps.items[steps.end[has_prefix] - 1]
        pick = sparse.csr_matrix(
            (np.ones(len(has_prefix)), (has_prefix, current)), shape=(len(steps), self.items)
        )
        return pick @ self._rules + self._seen(steps)

    def _seen(self, steps: Steps) -> sparse.csr_matrix:
        shape = (len(steps), self.items)
        step, item, age = prefix_items(steps)
        if not self.repeats:
            other = item != steps.items[steps.end[step] - 1]
            step, item, age = step[other], item[other], age[other]
        _, newest = np.unique(step * self.items + item, return_index=True)
        bonus: FloatArray = self.seen_bonus * self.seen_decay ** age[newest]
        scored = newest[bonus > 0]
        bonus = bonus[bonus > 0]
        return sparse.csr_matrix((bonus, (step[scored], item[scored])), shape=shape)


BASELINES: dict[str, Callable[[], Baseline]] = {
    "popularity": Popularity,
    "sequential_rules": SequentialRules,
}


def rank_among_scored(scores: sparse.csr_matrix, target: IntArray) -> IntArray:
    """Ranks each target by `metrics.conservative_rank`'s rule, where most items have no score.

    Args:
      scores: sparse `[n, items]`; items that are not stored have no score.
      target: positions among the items, int64 `[n]`.

    Returns:
      int64 `[n]`; a target without a score (not stored, NaN) gets rank `items`.
    """
    rows, items = scores.shape
    row = np.repeat(np.arange(rows), np.diff(scores.indptr))
    is_target = scores.indices == target[row]
    of_target = np.full(rows, np.nan)
    of_target[row[is_target]] = scores.data[is_target]
    below = np.bincount(row[scores.data < of_target[row]], minlength=rows)
    stored = np.diff(scores.indptr)
    return np.where(np.isnan(of_target), items, stored - below)


def step_ranks(
    baseline: Baseline,
    train_sessions: Sequence[Sequence[str]],
    test_sessions: Sequence[Sequence[str]],
    train_times: Sequence[int] | None = None,
    test_times: Sequence[int] | None = None,
) -> StepRanks:
    """Fits a baseline and ranks every step of the test sessions.

    Args:
      baseline: is fitted here.
      train_sessions: raw item ids of each session, in time order. Every item in them is known.
      test_sessions: likewise; a session of n items has n - 1 steps.
      train_times: when each training session began, in ms, for baselines that need it.
      test_times: likewise.

    Raises:
      ValueError: there is no training event.
    """
    known_items = dict.fromkeys(chain.from_iterable(train_sessions))
    positions = {item_id: position for position, item_id in enumerate(known_items)}
    if not positions:
        raise ValueError("train_sessions hold no event: a baseline needs sessions to be fitted on")
    baseline.fit(index_sessions(train_sessions, positions, train_times), len(positions))
    test = index_sessions(test_sessions, positions, test_times)
    steps, offsets = all_steps(test)
    rank = np.full(len(steps), len(positions) + 1, dtype=np.int64)
    can_be_scored = steps.target != UNKNOWN
    rank[can_be_scored] = baseline.ranks(steps.take(can_be_scored))
    return StepRanks(rank, can_be_scored & (steps.end > steps.first), offsets)


def evaluate_baseline(
    baseline: Baseline,
    train_sessions: Sequence[Sequence[str]],
    test_sessions: Sequence[Sequence[str]],
    train_times: Sequence[int] | None = None,
    test_times: Sequence[int] | None = None,
) -> dict[str, float]:
    """Fits a baseline on the training sessions and judges it on the test sessions.

    Arguments and errors are those of `step_ranks`.

    Returns:
      every metric of `modules.metrics` and every count of steps, by full name.
    """
    ranks = step_ranks(baseline, train_sessions, test_sessions, train_times, test_times)
    return metrics.metrics_from_rank_histograms(ranks.histograms())
