"""The history of each item in the training data: its events and its age; NumPy only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from modules.array_types import FloatArray, IntArray
from modules.data.item_positions import ItemIds, ItemPositions

MS_PER_DAY = 86_400_000
_EVENTS_PER_PART = 1 << 20


@dataclasses.dataclass(frozen=True)
class ItemHistory:
    """Items of the training data.

    Attributes:
      positions: raw item ids and their positions in the arrays.
      counts: training events, int64 `[items]`.
      first_seen: time of the first training event, ms, int64 `[items]`.
      last_event: time of the last event of all items, ms; None without any.
    """

    positions: ItemPositions
    counts: IntArray
    first_seen: IntArray
    last_event: int | None = None

    def __len__(self) -> int:
        """Returns the number of items."""
        return len(self.counts)

    def lookup(self, item_ids: ItemIds) -> IntArray:
        """Returns the positions of raw ids, in the same shape; `NO_ITEM` for others."""
        return self.positions.lookup(item_ids)

    def counts_of(self, positions: IntArray) -> IntArray:
        """Returns the training events of items; 0 for an unknown one."""
        return np.where(positions >= 0, np.append(self.counts, 0)[positions], 0)

    def age_days(self, positions: IntArray, times: IntArray) -> IntArray:
        """Returns whole days from an item's first training event to a time; -1 if unknown.

        The age is 0 before the first event, as when training data are not older.
        """
        since = times - np.append(self.first_seen, 0)[positions]
        return np.where(positions >= 0, np.maximum(since, 0) // MS_PER_DAY, -1)

    def self_information(self, positions: IntArray) -> FloatArray:
        """Returns -log2 of each item's share of training events; half an event if unknown.

        The self-information of Zhou et al. (2010), "Solving the apparent diversity-accuracy
        dilemma of recommender systems", with shares of events as in Castells, Hurley and Vargas
        (2022), "Novelty and diversity in recommender systems".
        """
        share = np.maximum(self.counts_of(positions), 0.5) / max(int(self.counts.sum()), 1)
        return -np.log2(share)


def item_history(batches: Iterable[tuple[ItemIds, IntArray]]) -> ItemHistory:
    """Collects the history from batches of (raw item ids `[events]`, times in ms `[events]`).

    >>> ids = np.array([b"a", b"b", b"a"], object)
    >>> history = item_history([(ids, np.array([5, 7, 3]))])
    >>> history.counts.tolist(), history.first_seen.tolist()
    ([2, 1], [3, 7])
    """
    positions = ItemPositions()
    counts, first_seen = np.zeros((2, 0), np.int64)
    last_event: int | None = None
    latest = np.iinfo(np.int64).max
    for place, times in _numbered(batches, positions):
        added = len(positions) - len(counts)
        counts = np.pad(counts, (0, added)) + np.bincount(place, minlength=len(positions))
        first_seen = np.pad(first_seen, (0, added), constant_values=latest)
        np.minimum.at(first_seen, place, times)
        if len(times):
            last_event = max(int(times.max()), last_event or 0)
    return ItemHistory(positions, counts, first_seen, last_event)


def _numbered(
    batches: Iterable[tuple[ItemIds, IntArray]], positions: ItemPositions
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields positions and times of events, many at a time: all items are updated each time."""
    waiting: list[tuple[IntArray, IntArray]] = []
    for item_ids, times in batches:
        waiting.append((positions.add(item_ids), times))
        if sum(len(times) for _, times in waiting) >= _EVENTS_PER_PART:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[tuple[IntArray, IntArray]]) -> tuple[IntArray, IntArray]:
    places, times = zip(*parts, strict=True)
    return np.concatenate(places), np.concatenate(times)
