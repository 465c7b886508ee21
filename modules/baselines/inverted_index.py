"""An inverted index of training sessions: finds those that share items with a prefix.

Sessions are numbered by recency, 0 is the newest. Only the n newest sessions of each item are kept,
where n is how many a query may return: a session among the n newest that share any item with a
prefix is among the n newest of each item that it shares. So memory is bounded by n sessions of each
item, and work by the size of the sample, whatever the popularity of an item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from modules.array_types import FloatArray, IntArray
from modules.evaluation.prediction_steps import IndexedSessions, Steps, Visits


class Matches(NamedTuple):
    """Pairs of a step and a training session that share items, by step, then newest first.

    Attributes:
      step: int64 `[pairs]`, row of the step.
      session: int64 `[pairs]`, number of the session.
      similarity: float64 `[pairs]`, sum of the weights of the shared items.
      age: int64 `[pairs]`, events since the newest shared item in the prefix; 0 is the current one.
      position: int64 `[pairs]`, last position of any shared item in the session, from 0.
    """

    step: IntArray
    session: IntArray
    similarity: FloatArray
    age: IntArray
    position: IntArray

    def take(self, chosen: Any) -> Matches:
        """Returns some of the pairs, chosen by a mask or positions."""
        return Matches(*(values[chosen] for values in self))


@dataclass(frozen=True)
class SessionIndex:
    """Training sessions by session and by item.

    Attributes:
      positions: sparse int32 `[sessions, items]`, newest session first: 1 + the last position of
        an item in a session; without the sessions that no query can find.
      postings: sparse int32 `[items, sessions]`, the same for the newest sessions of each item.
      start_time: int64 `[sessions]`, ms.
      recent: maximum number of sessions per prefix, the newest ones.
    """

    positions: sparse.csr_matrix
    postings: sparse.csr_matrix
    start_time: IntArray
    recent: int

    @classmethod
    def build(cls, sessions: IndexedSessions, items: int, recent: int) -> SessionIndex:
        """Indexes training sessions.

        Args:
          sessions: sessions with start times; those of equal times keep their order.
          items: size of the catalogue.
          recent: maximum number of sessions per prefix, the newest ones.

        Raises:
          ValueError: there are no start times.
        """
        if sessions.start_times is None:
            raise ValueError(
                "sessions have no start_times: neighbors are searched among the newest"
            )
        newest_first = np.argsort(-sessions.start_times, kind="stable")
        kept = _NewestOfEachItem(items, recent)
        for part in sessions.parts(newest_first):
            kept.add(part)
        return kept.index(sessions.start_times[newest_first])

    def cost(self, steps: Steps) -> IntArray:
        """Returns an upper bound of the postings of each step's prefix, int64 `[steps]`."""
        postings = np.diff(self.postings.indptr).astype(np.int64)[steps.items]
        before = np.concatenate([[0], np.cumsum(postings)])
        cost: IntArray = before[steps.end] - before[steps.first]
        return cost

    def matches(self, steps: Steps, visits: Visits, weight: FloatArray) -> Matches:
        """Finds the newest sessions that share items with each prefix.

        Args:
          steps: the prefixes.
          visits: their distinct items, from `last_visits`.
          weight: float64 `[visits]`, what an item adds to the similarity of sessions with it.
        """
        entry, visit = _entries(self.postings.indptr, visits.item)
        session = self.postings.indices[entry].astype(np.int64)
        sessions = len(self.start_time)
        pair = visits.step[visit] * sessions + session
        order = np.argsort(pair, kind="stable")
        pair, visit, entry = pair[order], visit[order], entry[order]
        first = np.flatnonzero(np.diff(pair, prepend=-1))
        step, session = np.divmod(pair[first], sessions)
        newest = place_in_group(step) < self.recent
        found = Matches(
            step=step,
            session=session,
            similarity=_reduce(np.add, weight[visit], first),
            age=_reduce(np.minimum, visits.age[visit], first),
            position=_reduce(np.maximum, self.postings.data[entry].astype(np.int64), first) - 1,
        )
        return found.take(newest)

    def items_of(self, session: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Lists the distinct items of sessions.

        Args:
          session: int64 `[n]`, numbers of sessions.

        Returns:
          (row of `session`, item, last position from 0), int64 `[items of all]` each.
        """
        entry, row = _entries(self.positions.indptr, session)
        item = self.positions.indices[entry].astype(np.int64)
        return row, item, self.positions.data[entry].astype(np.int64) - 1


def place_in_group(group: IntArray) -> IntArray:
    """Counts from 0 within each run of equal values.

    >>> place_in_group(np.array([4, 4, 4, 7, 9, 9]))
    array([0, 1, 2, 0, 0, 1])
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    lengths = np.diff(np.append(starts, len(group)))
    return np.arange(len(group)) - np.repeat(starts, lengths)


def _entries(indptr: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the places of all entries of sparse rows, and which of `rows` each is of."""
    lengths = (indptr[rows + 1] - indptr[rows]).astype(np.int64)
    begin = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum())) + np.repeat(indptr[rows] - begin, lengths)
    return places, np.repeat(np.arange(len(rows)), lengths)


def _reduce(by: np.ufunc, values: Any, first: IntArray) -> Any:
    """Reduces runs of values that begin at `first`, if there are any."""
    return by.reduceat(values, first) if len(first) else values[:0]


class _NewestOfEachItem:
    """Collects sessions, the newest first, that are among the newest ones of any of their items.

    No query can find the others.
    """

    def __init__(self, items: int, recent: int) -> None:
        self._items, self._recent = items, recent
        self._sessions_with = np.zeros(items, np.int64)
        self._lengths, self._is_kept = [np.zeros(0, np.int64)], [np.zeros(0, bool)]
        self._columns = [np.zeros(0, np.int32)]
        self._positions, self._is_posting = [np.zeros(0, np.int32)], [np.zeros(0, bool)]

    def add(self, part: IndexedSessions) -> None:
        """Adds sessions that are older than those before."""
        row, item, position = _last_positions(part, self._items)
        by_item = np.argsort(item, kind="stable")
        newer = place_in_group(item[by_item]) + self._sessions_with[item[by_item]]
        is_posting = np.zeros(len(item), bool)
        is_posting[by_item] = newer < self._recent
        self._sessions_with += np.bincount(item, minlength=self._items)
        sessions = len(part.offsets) - 1
        kept = np.bincount(row[is_posting], minlength=sessions) > 0
        if len(self._is_kept) == 1:
            kept[:1] = True  # the newest of all: ages are counted from it
        of_kept = kept[row]
        self._lengths.append(np.bincount(row, minlength=sessions)[kept])
        self._is_kept.append(kept)
        self._columns.append(item[of_kept].astype(np.int32))
        self._positions.append((position[of_kept] + 1).astype(np.int32))
        self._is_posting.append(is_posting[of_kept])

    def index(self, start_times: IntArray) -> SessionIndex:
        """Returns the index of the sessions; `start_times` are those of all that were added."""
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(self._lengths))])
        columns, positions = np.concatenate(self._columns), np.concatenate(self._positions)
        is_posting = np.concatenate(self._is_posting)
        shape = (len(indptr) - 1, self._items)
        before = np.concatenate([[0], np.cumsum(is_posting)])
        postings = (positions[is_posting], columns[is_posting], before[indptr])
        return SessionIndex(
            positions=sparse.csr_matrix((positions, columns, indptr), shape),
            postings=sparse.csr_matrix(postings, shape).T.tocsr(),
            start_time=start_times[np.concatenate(self._is_kept)],
            recent=self._recent,
        )


def _last_positions(sessions: IndexedSessions, items: int) -> tuple[IntArray, IntArray, IntArray]:
    """Returns each session's distinct items: its row, the item, and its last position."""
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(session)) - np.repeat(sessions.offsets[:-1], lengths)
    pair = session * items + sessions.items
    # Of the events in reverse, the first of each pair is the last one.
    distinct, last = np.unique(pair[::-1], return_index=True)
    row, item = np.divmod(distinct, items)
    return row, item, position[::-1][last]
