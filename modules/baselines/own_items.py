"""Own items: those of a session that training did not hold, which a baseline may recommend too.

The exported model recommends them (`modules.serving.session.own_items`), so baselines do in the
honest view, all by one rule: the own items of a prefix rank directly behind the best-ranked of its
latest known items, the current one left out, or first without any. The latest own item comes first,
but the current item last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.baselines.base import Baseline, SparseBaseline
from modules.evaluation.prediction_steps import IndexedSessions, Steps, last_visits
from modules.evaluation.ranks import UNRANKED

_LATEST = 20
"""Known items of a prefix, the latest, that own items may rank behind."""


@dataclass(frozen=True)
class OwnItems:
    """The own items of the prefixes of all steps.

    Attributes:
      count: number of them, int64 `[steps]`.
      place: place of the target among them, from 1, int64 `[steps]`; 0 if it is none of them.
      is_over: whether the latest click is of one of them, bool `[steps]`.
    """

    count: IntArray
    place: IntArray
    is_over: BoolArray

    @classmethod
    def of(cls, sessions: IndexedSessions, items: int) -> OwnItems:
        """Finds them.

        Args:
          sessions: sessions whose unknown items have numbers from `items` on.
          items: number of known items.
        """
        rows = []
        for begin, end in pairwise(sessions.offsets.tolist()):
            numbers = sessions.items[begin:end]
            has_own = bool((numbers >= items).any())
            rows.append(_of_session(numbers.tolist(), items) if has_own else _none(end - begin))
        count, place, is_over = (
            np.fromiter(chain.from_iterable(chain.from_iterable(rows)), np.int64).reshape(-1, 3).T
        )
        return cls(count, place, is_over > 0)

    def ranks(self, fitted: Baseline, steps: Steps, items: int, without: IntArray) -> IntArray:
        """Ranks the targets of all steps among known and own items, int64 `[steps]`.

        Args:
          fitted: the baseline.
          steps: the steps; targets outside the catalogue may be own items.
          items: size of the catalogue.
          without: ranks among the known items alone, int64 `[steps]`.
        """
        has_own = np.flatnonzero(self.count)
        count, place = self.count[has_own], self.place[has_own]
        behind = _best_rank_before(fitted, steps.take(has_own), self.is_over[has_own], items)
        rank = without[has_own]
        is_behind_them = (rank > behind) & (rank != UNRANKED)
        rank = np.where(is_behind_them, rank + count, rank)
        found = without.copy()
        found[has_own] = np.where(place > 0, behind + place, rank)
        return found


Row = tuple[int, int, bool]


def _none(events: int) -> list[Row]:
    return [(0, 0, False)] * max(events - 1, 0)


def _of_session(numbers: Sequence[int], items: int) -> list[Row]:
    """Returns (count, place, is_over) of each step of a session."""
    rows: list[Row] = []
    latest: dict[int, None] = {}  # by the last click, the oldest first
    for event, item in enumerate(numbers):
        if event:
            is_over = numbers[event - 1] >= items
            rows.append((len(latest), _place(latest, item, is_over), is_over))
        if item >= items:
            latest.pop(item, None)
            latest[item] = None
    return rows


def _place(latest: dict[int, None], item: int, is_over: bool) -> int:
    if item not in latest:
        return 0
    order = list(latest)[::-1]
    if is_over:
        order.append(order.pop(0))
    return order.index(item) + 1


def _best_rank_before(fitted: Baseline, steps: Steps, is_over: BoolArray, items: int) -> IntArray:
    """Returns the best rank of an earlier known item of each prefix, int64 `[steps]`; 0 of none."""
    recent = Steps(
        steps.items, np.maximum(steps.first, steps.end - _LATEST), steps.end, steps.target
    )
    visits = last_visits(recent, items)
    is_earlier = (visits.age > 0) | is_over[visits.step]
    best = best_ranks(fitted, steps, visits.step[is_earlier], visits.item[is_earlier])
    return np.where(best == UNRANKED, 0, best)


def best_ranks(fitted: Baseline, steps: Steps, step: IntArray, item: IntArray) -> IntArray:
    """Returns `SparseBaseline.best_ranks`, of any fitted baseline."""
    if isinstance(fitted, SparseBaseline):
        return fitted.best_ranks(steps, step, item)
    best = np.full(len(steps), UNRANKED, np.int64)
    ranks = fitted.ranks(Steps(steps.items, steps.first[step], steps.end[step], item))
    np.minimum.at(best, step, ranks)
    return best
