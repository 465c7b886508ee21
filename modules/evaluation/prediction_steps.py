"""Sessions as arrays, and their prediction steps: no Python loop over events.

A step predicts the next item after a prefix. Prefixes are not copied: a step is a range of one long
array of items. Unknown items (outside the training sessions) are left out of prefixes, since the
model ignores them too, but a step whose target is unknown remains: it is a miss in the honest view.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, Float32Array, IntArray
from modules.data.item_indices import NO_ITEM
from modules.evaluation import metrics
from modules.evaluation.metric_names import STEPS, VIEWS

# Bounds of the steps ranked at a time, and of the entries in memory that they need.
_STEPS_PER_BLOCK = 1_024
_COST_PER_BLOCK = 1_000_000
# Training events, and steps of the evaluation, worked on at a time.
_EVENTS_PER_PART = 1 << 20
_STEPS_PER_PART = 1 << 20


class ScoredSteps(NamedTuple):
    """Scores of a block of steps.

    Attributes:
      scores: float32 `[steps, catalogue]`; -inf for candidates that are never recommended.
      context: positions in the catalogue, int `[steps, length]`, right-padded with -1; no row is
        empty.
      target: position, int `[steps]`.
      popularity: factor of the popularity weight, float32 `[catalogue]`.
    """

    scores: Float32Array
    context: npt.NDArray[np.integer[Any]]
    target: npt.NDArray[np.integer[Any]]
    popularity: Float32Array


@dataclass(frozen=True)
class IndexedSessions:
    """Sessions with items as positions in the catalogue.

    Attributes:
      items: int32 or int64 `[events]`, session after session in time order; `NO_ITEM` outside the
        catalogue.
      offsets: int64 `[sessions + 1]`: session i has `items[offsets[i]:offsets[i + 1]]`.
      start_times: int64 `[sessions]`, ms; for baselines that prefer recent sessions.
    """

    items: npt.NDArray[np.integer[Any]]
    offsets: IntArray
    start_times: IntArray | None = None

    def take(self, chosen: IntArray) -> IndexedSessions:
        """Returns a copy of some of the sessions, chosen by positions, int64 `[chosen]`."""
        first = self.offsets[chosen]
        lengths = self.offsets[chosen + 1] - first
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], lengths)
        times = None if self.start_times is None else self.start_times[chosen]
        return IndexedSessions(self.items[places], offsets, times)

    def parts(self, order: IntArray | None = None) -> Iterator[IndexedSessions]:
        """Yields all sessions, about a million events at a time.

        Args:
          order: positions of all sessions, in the order in which to yield them, int64 `[sessions]`;
            None for theirs.
        """
        order = np.arange(len(self.offsets) - 1) if order is None else order
        begin, events = 0, np.cumsum(self.offsets[order + 1] - self.offsets[order])
        while begin < len(order):
            most = _EVENTS_PER_PART + (events[begin - 1] if begin else 0)
            end = max(int(np.searchsorted(events, most, side="right")), begin + 1)
            yield self.take(order[begin:end])
            begin = end

    def ordered(self, order: IntArray) -> IndexedSessions:
        """Returns a copy of all sessions in another order; see `parts`."""
        offsets = np.concatenate([[0], np.cumsum(self.offsets[order + 1] - self.offsets[order])])
        items = np.empty_like(self.items)
        begin = 0
        for part in self.parts(order):
            items[begin : begin + len(part.items)] = part.items
            begin += len(part.items)
        times = None if self.start_times is None else self.start_times[order]
        return IndexedSessions(items, offsets, times)

    def event_counts(self, items: int) -> IntArray:
        """Returns the events of each item of a catalogue, int64 `[items]`."""
        counts = np.zeros(items, np.int64)
        for start in range(0, len(self.items), _EVENTS_PER_PART):
            counts += np.bincount(self.items[start : start + _EVENTS_PER_PART], minlength=items)
        return counts


@dataclass(frozen=True)
class Steps:
    """Queries to a baseline: what comes after `items[first[i]:end[i]]`?

    Attributes:
      items: int64, known items only, session after session.
      first: int64 `[steps]`, where the session of a step begins.
      end: int64 `[steps]`, where its prefix ends; an empty prefix has `first == end`.
      target: int64 `[steps]`, positions in the catalogue.
    """

    items: IntArray
    first: IntArray
    end: IntArray
    target: IntArray

    def __len__(self) -> int:
        """Returns the number of steps."""
        return len(self.target)

    def take(self, chosen: Any) -> Steps:
        """Returns some of the steps, chosen by a slice, a mask or positions."""
        return Steps(self.items, self.first[chosen], self.end[chosen], self.target[chosen])

    def blocks(self, cost: IntArray) -> Iterator[Steps]:
        """Yields the steps in order, in blocks of bounded cost; a single step may exceed it.

        Args:
          cost: int64 `[steps]`, entries that a step needs in memory.
        """
        begin, total = 0, np.cumsum(cost)
        while begin < len(self):
            limit = _COST_PER_BLOCK + (total[begin - 1] if begin else 0)
            stop = int(np.searchsorted(total, limit, side="right"))
            stop = min(max(stop, begin + 1), begin + _STEPS_PER_BLOCK)
            yield self.take(slice(begin, stop))
            begin = stop


@dataclass(frozen=True)
class StepRanks:
    """Ranks of every step of the test sessions, in their order.

    Attributes:
      rank: int64 or int32 `[steps]`; `ranks.UNRANKED` for a target that cannot be recommended.
      known: bool `[steps]`, whether the step counts in the known view.
      offsets: int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`.
      known_rank: int64 `[steps]`, ranks in the known view; None where they are the same.
    """

    rank: npt.NDArray[np.integer[Any]]
    known: BoolArray
    offsets: IntArray
    known_rank: npt.NDArray[np.integer[Any]] | None = None

    def histograms(self) -> IntArray:
        """Returns the rank histograms of `modules.evaluation.metrics`, int64 `[views, 2, bins]`."""
        total = np.zeros((len(VIEWS), len(STEPS), metrics.BINS), dtype=np.int64)
        lengths = np.diff(self.offsets)
        # Padded to the next power of two, so that one very long session does not widen all rows.
        widths = 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
        for width in np.unique(widths):
            of_width = np.flatnonzero(widths == width)
            sessions = max(_STEPS_PER_PART // int(width), 1)
            for begin in range(0, len(of_width), sessions):
                total += self._histograms_of(of_width[begin : begin + sessions], int(width))
        return total

    def _histograms_of(self, chosen: IntArray, width: int) -> IntArray:
        """Returns the histograms of sessions of at most `width` steps."""
        column = np.arange(width)
        exists = column < (self.offsets[chosen + 1] - self.offsets[chosen])[:, None]
        step = np.where(exists, self.offsets[chosen, None] + column, 0)
        if not len(self.rank):
            return np.zeros((len(VIEWS), len(STEPS), metrics.BINS), dtype=np.int64)
        known_rank = self.rank if self.known_rank is None else self.known_rank
        return metrics.rank_histograms(
            self.rank[step] * exists, self.known[step] & exists, known_rank[step] * exists
        )

    def narrow(self) -> StepRanks:
        """Returns the same with ranks as int32, which many steps are kept in."""
        known_rank = None if self.known_rank is None else self.known_rank.astype(np.int32)
        rank = self.rank.astype(np.int32)
        return StepRanks(rank, self.known, self.offsets, known_rank)


def index_sessions(
    sessions: Sequence[Sequence[Hashable]],
    positions: Mapping[Any, int],
    start_times: Sequence[int] | None = None,
) -> IndexedSessions:
    """Replaces item ids by their positions in the catalogue.

    Args:
      sessions: raw item ids of each session, in time order.
      positions: position of every item of the catalogue.
      start_times: start of each session, ms.

    >>> index_sessions([["a", "b"], ["c"]], {"a": 0, "b": 1}).items
    array([ 0,  1, -1])
    """
    lengths = np.fromiter(map(len, sessions), dtype=np.int64, count=len(sessions))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    events = chain.from_iterable(sessions)
    items = np.fromiter((positions.get(i, NO_ITEM) for i in events), np.int64, int(offsets[-1]))
    times = None if start_times is None else np.asarray(start_times, dtype=np.int64)
    return IndexedSessions(items, offsets, times)


def all_steps(sessions: IndexedSessions) -> tuple[Steps, IntArray]:
    """Returns all steps of all sessions; prefixes hold known items only, targets may be unknown.

    Returns:
      (steps, offsets int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`).
    """
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(lengths)), lengths)
    target = np.flatnonzero(np.arange(len(sessions.items)) > sessions.offsets[session])
    is_known = sessions.items != NO_ITEM
    known_before = np.concatenate([[0], np.cumsum(is_known)])
    steps = Steps(
        items=sessions.items[is_known],
        first=known_before[sessions.offsets[session[target]]],
        end=known_before[target],
        target=sessions.items[target].astype(np.int64),
    )
    return steps, np.concatenate([[0], np.cumsum(np.maximum(lengths - 1, 0))])


def prefix_items(steps: Steps) -> tuple[IntArray, IntArray, IntArray]:
    """Returns the items of all prefixes, newest first within each.

    Returns:
      (step, item, age), int64 `[sum of prefix lengths]` each; the current item has age 0.
    """
    lengths = steps.end - steps.first
    step = np.repeat(np.arange(len(steps)), lengths)
    age = np.arange(len(step)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return step, steps.items[steps.end[step] - 1 - age], age


class Visits(NamedTuple):
    """The distinct items of each prefix, the newest first.

    Attributes:
      step: int64 `[visits]`, rising.
      item: int64 `[visits]`.
      age: int64 `[visits]`, events since the item's last visit; 0 is the current item.
      times: int64 `[visits]`, how often the prefix holds the item.
    """

    step: IntArray
    item: IntArray
    age: IntArray
    times: IntArray


def last_visits(steps: Steps, items: int) -> Visits:
    """Returns the distinct items of all prefixes, newest first, of a catalogue of `items`."""
    step, item, age = prefix_items(steps)
    _, first, times = np.unique(step * items + item, return_index=True, return_counts=True)
    order = np.argsort(first)
    first = first[order]
    return Visits(step[first], item[first], age[first], times[order])
