"""An inverted index of training sessions: finds those that share items with a prefix.

Sessions are numbered by recency, 0 is the newest. Only the n newest sessions of each item are kept,
where n is how many a query may return: a session among the n newest that share any item with a
prefix is among the n newest of each item that it shares. So memory is bounded by the training
events, and work by the size of the sample, whatever the popularity of an item.
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
      positions: sparse int64 `[sessions, items]`, newest session first: 1 + the last position of
        an item in a session.
      postings: sparse int64 `[items, sessions]`, the same for the newest sessions of each item.
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
        number = np.empty_like(newest_first)
        number[newest_first] = np.arange(len(newest_first))
        positions = _last_positions(sessions, number, items)
        return cls(
            positions=positions,
            postings=_first_of_rows(positions.T.tocsr(), recent),
            start_time=sessions.start_times[newest_first],
            recent=recent,
        )

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
            position=_reduce(np.maximum, self.postings.data[entry], first) - 1,
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
        return row, item, self.positions.data[entry] - 1


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


def _last_positions(sessions: IndexedSessions, number: IntArray, items: int) -> sparse.csr_matrix:
    lengths = np.diff(sessions.offsets)
    session = np.repeat(number, lengths)
    position = np.arange(len(session)) - np.repeat(sessions.offsets[:-1], lengths)
    pair = session * items + sessions.items
    # Of the events in reverse, the first of each pair is the last one.
    distinct, last = np.unique(pair[::-1], return_index=True)
    row, item = np.divmod(distinct, items)
    indptr = np.searchsorted(row, np.arange(len(number) + 1))
    return sparse.csr_matrix((position[::-1][last] + 1, item, indptr), shape=(len(number), items))


def _first_of_rows(matrix: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """Keeps the first entries of each row, whose columns must be in order."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = place_in_group(row) < most
    indptr = np.searchsorted(row[kept], np.arange(matrix.shape[0] + 1))
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), matrix.shape)
