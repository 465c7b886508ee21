"""Sessions as arrays, and the steps that they ask a baseline: no Python loop over events.

A step asks for the next item after a prefix. Prefixes are not copied: a step is a range of one long
array of items. Unknown items (outside the training sessions) are left out of prefixes, for the
model ignores them too, but a step towards an unknown item stays a step: in the honest view it
counts as a miss.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from modules import metrics
from modules.metrics import BoolArray, IntArray

UNKNOWN = -1

# Steps ranked in one go: bounds the memory by steps and by prefix items.
_STEPS_PER_BLOCK = 1_024
_PREFIX_ITEMS_PER_BLOCK = 1_000_000


@dataclass(frozen=True)
class IndexedSessions:
    """Sessions with items as positions in the catalogue.

    Attributes:
      items: int64 `[events]`, session after session in time order; `UNKNOWN` outside the catalogue.
      offsets: int64 `[sessions + 1]`: session i has `items[offsets[i]:offsets[i + 1]]`.
      start_times: int64 `[sessions]`, ms; for baselines that prefer recent sessions.
    """

    items: IntArray
    offsets: IntArray
    start_times: IntArray | None = None


@dataclass(frozen=True)
class Steps:
    """Questions to a baseline: what comes after `items[first[i]:end[i]]`?

    Attributes:
      items: int64, known items only, session after session.
      first: int64 `[steps]`, where the session of a step begins.
      end: int64 `[steps]`, where its prefix ends; an empty prefix has `first == end`.
      target: int64 `[steps]`, positions in the catalogue.
      start_time: int64 `[steps]`, when the session began, in ms; None if unknown.
    """

    items: IntArray
    first: IntArray
    end: IntArray
    target: IntArray
    start_time: IntArray | None = None

    def __len__(self) -> int:
        """Returns the number of steps."""
        return len(self.target)

    def take(self, chosen: Any) -> Steps:
        """Returns some of the steps, chosen by a slice, a mask or positions."""
        start_time = None if self.start_time is None else self.start_time[chosen]
        return Steps(
            self.items, self.first[chosen], self.end[chosen], self.target[chosen], start_time
        )

    def blocks(self) -> Iterator[Steps]:
        """Yields the steps in order, in blocks of bounded size (a long prefix may exceed it)."""
        begin, prefix_items = 0, np.cumsum(self.end - self.first)
        while begin < len(self):
            limit = _PREFIX_ITEMS_PER_BLOCK + (prefix_items[begin - 1] if begin else 0)
            stop = int(np.searchsorted(prefix_items, limit, side="right"))
            stop = min(max(stop, begin + 1), begin + _STEPS_PER_BLOCK)
            yield self.take(slice(begin, stop))
            begin = stop


@dataclass(frozen=True)
class StepRanks:
    """Ranks of every step of the test sessions, in their order: what all comparisons start from.

    Attributes:
      rank: int64 `[steps]`; items + 1 for a target outside the catalogue.
      known: bool `[steps]`, whether the step counts in the known view.
      offsets: int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`.
    """

    rank: IntArray
    known: BoolArray
    offsets: IntArray

    def histograms(self) -> IntArray:
        """Returns the rank histograms of `modules.metrics`, int64 `[views, 2, bins]`."""
        total = np.zeros((len(metrics.VIEWS), len(metrics.STEPS), metrics.BINS), dtype=np.int64)
        lengths = np.diff(self.offsets)
        # Padded to the next power of two, so that one very long session does not widen all rows.
        widths = 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
        for width in np.unique(widths):
            chosen = np.flatnonzero(widths == width)
            column = np.arange(width)
            exists = column < lengths[chosen, None]
            step = np.where(exists, self.offsets[chosen, None] + column, 0)
            if len(self.rank):
                total += metrics.rank_histograms(
                    self.rank[step] * exists, self.known[step] & exists
                )
        return total


def index_sessions(
    sessions: Sequence[Sequence[Hashable]],
    positions: Mapping[Any, int],
    start_times: Sequence[int] | None = None,
) -> IndexedSessions:
    """Replaces item ids by their positions in the catalogue.

    Args:
      sessions: raw item ids of each session, in time order.
      positions: position of every item of the catalogue.
      start_times: when each session began, in ms.

    >>> index_sessions([["a", "b"], ["c"]], {"a": 0, "b": 1}).items
    array([ 0,  1, -1])
    """
    lengths = np.fromiter(map(len, sessions), dtype=np.int64, count=len(sessions))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    events = chain.from_iterable(sessions)
    items = np.fromiter((positions.get(i, UNKNOWN) for i in events), np.int64, int(offsets[-1]))
    times = None if start_times is None else np.asarray(start_times, dtype=np.int64)
    return IndexedSessions(items, offsets, times)


def all_steps(sessions: IndexedSessions) -> tuple[Steps, IntArray]:
    """Lists every step of every session; prefixes hold known items only, targets may be unknown.

    Returns:
      (steps, offsets int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`).
    """
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(lengths)), lengths)
    target = np.flatnonzero(np.arange(len(sessions.items)) > sessions.offsets[session])
    is_known = sessions.items != UNKNOWN
    known_before = np.concatenate([[0], np.cumsum(is_known)])
    times = sessions.start_times
    steps = Steps(
        items=sessions.items[is_known],
        first=known_before[sessions.offsets[session[target]]],
        end=known_before[target],
        target=sessions.items[target],
        start_time=None if times is None else times[session[target]],
    )
    return steps, np.concatenate([[0], np.cumsum(np.maximum(lengths - 1, 0))])


def prefix_items(steps: Steps) -> tuple[IntArray, IntArray, IntArray]:
    """Lists the items of all prefixes, newest first within each.

    Returns:
      (step, item, age), int64 `[sum of prefix lengths]` each; the current item has age 0.
    """
    lengths = steps.end - steps.first
    step = np.repeat(np.arange(len(steps)), lengths)
    age = np.arange(len(step)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return step, steps.items[steps.end[step] - 1 - age], age
