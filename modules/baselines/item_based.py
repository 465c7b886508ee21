"""Baselines from counts of items and of pairs of items."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from modules.array_types import FloatArray, IntArray
from modules.baselines.base import Baseline, SparseBaseline
from modules.config.options.baselines import BaselineOptions
from modules.data.pair_sums import PairSums
from modules.evaluation.prediction_steps import IndexedSessions, Steps, last_visits


@dataclass
class Popularity:
    """Recommends the items with most training events, whatever the session."""

    _rank: IntArray = field(init=False, repr=False)

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Counts the events of each item."""
        counts = sessions.event_counts(items)
        self._rank = items - np.searchsorted(np.sort(counts), counts, side="left")

    def ranks(self, steps: Steps) -> IntArray:
        """Returns how many items have at least as many events as the target."""
        return self._rank[steps.target]


@dataclass
class SessionPopularity:
    """Recommends the items that the session holds most often, then the most popular ones.

    An item with v visits in the session and e training events scores v + e / (1 + e), so that
    visits decide and training events break ties (S-POP of Hidasi et al., 2016).
    """

    _events: IntArray = field(init=False, repr=False)
    _popularity: Popularity = field(init=False, default_factory=Popularity)

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Counts the events of each item."""
        self._events = sessions.event_counts(items)
        self._popularity.fit(sessions, items)

    def ranks(self, steps: Steps) -> IntArray:
        """Returns how many items score at least as much as the target, itself included."""
        seen = last_visits(steps, len(self._events))
        target = steps.target[seen.step]
        visits = np.zeros(len(steps), dtype=np.int64)
        is_target = seen.item == target
        visits[seen.step[is_target]] = seen.times[is_target]
        more_events = self._events[seen.item] >= self._events[target]
        of_target = visits[seen.step]
        before = (seen.times > of_target) | ((seen.times == of_target) & more_events)
        # Of a target not in the session, those with more events are in its popularity rank already.
        before = np.where(of_target > 0, before, ~more_events)
        among_seen = np.bincount(seen.step[before], minlength=len(steps))
        rank: IntArray = among_seen + np.where(visits > 0, 0, self._popularity.ranks(steps))
        return rank


@dataclass
class ItemCooccurrence(SparseBaseline):
    """Recommends the items that share most training sessions with the current item.

    An item scores (sessions with both) / (sessions with it + regularization) ** damping: the
    item-to-item similarity of Linden et al. (2003) and of Hidasi et al. (2016), without the current
    item's own count, which is the same for all. The current item has no score.

    Attributes:
      damping: penalty of popular items; 0 counts sessions, 0.5 is the cosine.
      regularization: added to an item's sessions, so that rare items do not win by chance.
    """

    damping: float = 0.5
    regularization: float = 20.0
    _sessions: sparse.csr_matrix = field(init=False, repr=False)
    _with_item: sparse.csr_matrix = field(init=False, repr=False)
    _reach: IntArray = field(init=False, repr=False)
    _weight: FloatArray = field(init=False, repr=False)

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Lists the distinct items of each session, and the sessions of each item."""
        self.items = items
        shape = (len(sessions.offsets) - 1, items)
        once = np.ones(len(sessions.items), dtype=np.int32)
        # A copy of the items, which are sorted and thinned out in place.
        of_session = sessions.items.astype(np.int32)
        self._sessions = sparse.csr_matrix((once, of_session, sessions.offsets), shape=shape)
        self._sessions.sum_duplicates()
        self._sessions.data[:] = 1
        self._with_item = self._sessions.T.tocsr()
        self._reach = self._with_item @ np.diff(self._sessions.indptr).astype(np.int64)
        session_count = np.diff(self._with_item.indptr)
        self._weight = (session_count + self.regularization) ** -self.damping

    def cost(self, steps: Steps) -> IntArray:
        """Returns how many items the sessions with the current item hold."""
        reach: IntArray = self._reach[steps.items[np.maximum(steps.end - 1, 0)]]
        return reach

    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns the items that share a session with the current one."""
        has_prefix = np.flatnonzero(steps.end > steps.first)
        current, of_step = np.unique(steps.items[steps.end[has_prefix] - 1], return_inverse=True)
        # Per block, and not once for the whole catalogue: memory stays that of the sessions.
        shared = (self._with_item[current] @ self._sessions).tocoo()
        other = shared.col != current[shared.row]
        value = shared.data[other] * self._weight[shared.col[other]]
        shape = (len(current), self.items)
        scores = sparse.csr_matrix((value, (shared.row[other], shared.col[other])), shape=shape)
        pick = sparse.csr_matrix(
            (np.ones(len(has_prefix)), (has_prefix, of_step)), shape=(len(steps), len(current))
        )
        return pick @ scores


@dataclass
class SequentialRules(SparseBaseline):
    """Recommends the items that follow the current one, and those that the session has seen.

    A pair of items `gap` events apart in a training session (gap 1 to `window`) adds 1 / gap to the
    rule from the first to the second (Kamehkhosh et al., 2017; Ludewig and Jannach, 2018). An item
    that the session opened `age` events before the current one gets `seen_bonus * seen_decay **
    age` on top.

    Attributes:
      window: largest gap of a rule.
      seen_bonus: score of an item just seen; 0 switches the memory off.
      seen_decay: factor per event of age.
      repeats: whether the current item itself may be recommended, by rules from an item to itself
        and the bonus at age 0. Without it a repeated click is always a miss.
    """

    window: int = BaselineOptions.rules_window
    seen_bonus: float = 0.1
    seen_decay: float = 0.9
    repeats: bool = BaselineOptions.rules_repeats
    _rules: sparse.csr_matrix = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
          ValueError: the window is not between 1 and 20.
        """
        if not 1 <= self.window <= 20:  # above, the common denominator exceeds int64
            raise ValueError(f"window must be between 1 and 20, got {self.window}")

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Sums the rules, in exact integers: ties must stay ties."""
        self.items = items
        denominator = math.lcm(*range(1, self.window + 1))
        sums = PairSums(items, np.int64)
        for part in sessions.parts():
            session = np.repeat(np.arange(len(part.offsets) - 1), np.diff(part.offsets))
            for gap in range(1, self.window + 1):
                first, second = part.items[:-gap], part.items[gap:]
                paired = session[:-gap] == session[gap:]
                if not self.repeats:
                    paired &= first != second
                pairs = first[paired].astype(np.int64) * items + second[paired]
                sums.add(pairs, denominator // gap)
        rules = sums.into_matrix()
        self._rules = sparse.csr_matrix(
            (rules.data / denominator, rules.indices, rules.indptr), rules.shape
        )

    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns the rules of the current item plus the bonus of items seen."""
        has_prefix = np.flatnonzero(steps.end > steps.first)
        current = steps.items[steps.end[has_prefix] - 1]
        pick = sparse.csr_matrix(
            (np.ones(len(has_prefix)), (has_prefix, current)), shape=(len(steps), self.items)
        )
        return pick @ self._rules + self._seen(steps)

    def _seen(self, steps: Steps) -> sparse.csr_matrix:
        seen = last_visits(steps, self.items)
        bonus: FloatArray = self.seen_bonus * self.seen_decay**seen.age
        scored = bonus > 0
        if not self.repeats:
            scored &= seen.age > 0
        shape = (len(steps), self.items)
        return sparse.csr_matrix(
            (bonus[scored], (seen.step[scored], seen.item[scored])), shape=shape
        )


BASELINES: Mapping[str, Callable[..., Baseline]] = {
    "popularity": Popularity,
    "session_popularity": SessionPopularity,
    "sequential_rules": SequentialRules,
    "item_cooccurrence": ItemCooccurrence,
}
