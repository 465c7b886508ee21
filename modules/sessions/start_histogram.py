"""Start times of sessions, counted by hour; neither TensorFlow nor Beam here.

The times themselves are only needed of the few hours in which a split begins, so that a log of any
length can be cut exactly without all of them in one place.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MS_PER_HOUR = 3_600_000


class HourCount(NamedTuple):
    """The sessions that start in an hour.

    Attributes:
      hour: the hour since 1970.
      starts: number of sessions, one at least.
      distinct: number of different start times.
      first, last: first and last start time, in ms.
    """

    hour: int
    starts: int
    distinct: int
    first: int
    last: int


def count_hour(times: Sequence[int]) -> HourCount:
    """Counts the ascending start times (ms) of one hour."""
    distinct = sum(1 for _ in itertools.groupby(times))
    return HourCount(hour_of(times[0]), len(times), distinct, times[0], times[-1])


def hour_of(time: int) -> int:
    """Returns the hour since 1970 of a time in ms."""
    return time // MS_PER_HOUR


class StartHistogram:
    """The start times of some sessions, one at least, in ascending order.

    Times of hours whose times are not given can be counted, but not looked into.
    """

    def __init__(
        self, hours: Iterable[HourCount], times: Mapping[int, Sequence[int]] | None = None
    ) -> None:
        """Orders the hours.

        Args:
          hours: the hours with a session, each once.
          times: ascending start times (ms) of some of the hours.
        """
        self.hours = sorted(hours)
        self._numbers = [each.hour for each in self.hours]
        self._before = [0, *itertools.accumulate(each.starts for each in self.hours)]
        self.times = times or {}

    @classmethod
    def of(cls, times: Iterable[int]) -> StartHistogram:
        """Returns the histogram of times in any order, all of which can be looked into."""
        hours = {hour: [*some] for hour, some in itertools.groupby(sorted(times), key=hour_of)}
        return cls(map(count_hour, hours.values()), hours)

    def __len__(self) -> int:
        """Returns the number of sessions."""
        return self._before[-1]

    @property
    def distinct(self) -> int:
        """Number of different start times."""
        return sum(each.distinct for each in self.hours)

    def at(self, rank: int) -> int:
        """Returns the start time (ms) of a session by its rank, from 0.

        Raises:
          KeyError: its hour cannot be looked into.
        """
        place = self._place(rank)
        hour, within = self.hours[place], rank - self._before[place]
        if within == 0:
            return hour.first
        return hour.last if within == hour.starts - 1 else self.times[hour.hour][within]

    def below(self, time: int) -> int:
        """Returns how many sessions start before a time (ms).

        Raises:
          KeyError: its hour cannot be looked into.
        """
        place = bisect.bisect_left(self._numbers, hour_of(time))
        before = self._before[place]
        if place == len(self.hours) or time <= self.hours[place].first:
            return before
        if time > self.hours[place].last:
            return self._before[place + 1]
        return before + bisect.bisect_left(self.times[self._numbers[place]], time)

    def hour_bounds(self, rank: int) -> tuple[int, int]:
        """Returns the first and the last start time (ms) in the hour of a session."""
        hour = self.hours[self._place(rank)]
        return hour.first, hour.last

    def count_bounds(self, time: int) -> tuple[int, int]:
        """Returns bounds of `below`, known without looking into an hour."""
        place = bisect.bisect_left(self._numbers, hour_of(time))
        return self._before[place], self._before[bisect.bisect_right(self._numbers, hour_of(time))]

    def hours_between(self, first: int, last: int) -> list[int]:
        """Returns the hours with a session from the hour of one time (ms) to that of another."""
        begin = bisect.bisect_left(self._numbers, hour_of(first))
        return self._numbers[begin : bisect.bisect_right(self._numbers, hour_of(last))]

    def _place(self, rank: int) -> int:
        if not 0 <= rank < len(self):
            raise IndexError(f"session {rank} of {len(self)}")
        return bisect.bisect_right(self._before, rank) - 1
