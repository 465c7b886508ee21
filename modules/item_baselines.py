"""Baselines that need counts of items and of pairs of items alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from modules.metrics import FloatArray, IntArray
from modules.sparse_baseline import SparseBaseline
from modules.steps import IndexedSessions, Steps, prefix_items


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
    repeats: bool = True
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
