"""Start times counted by hour, against the times in a list."""

from __future__ import annotations

import bisect
import random

import pytest

from modules.sessions.start_histogram import MS_PER_HOUR, HourCount, StartHistogram, count_hour


def test_an_hour_is_counted() -> None:
    begin = 7 * MS_PER_HOUR
    assert count_hour([begin, begin, begin + 5]) == HourCount(7, 3, 2, begin, begin + 5)


def test_ranks_and_times_are_those_of_the_list() -> None:
    draw = random.Random(0)
    for _ in range(300):
        spread = draw.choice([5, MS_PER_HOUR, 90 * MS_PER_HOUR])
        times = sorted(draw.randrange(spread) for _ in range(draw.randrange(1, 40)))
        found = StartHistogram.of(draw.sample(times, len(times)))
        assert [found.at(rank) for rank in range(len(found))] == times
        assert found.distinct == len(set(times))
        for time in (0, times[0], times[-1] + 1, draw.randrange(spread), draw.choice(times)):
            low, high = found.count_bounds(time)
            assert low <= found.below(time) == bisect.bisect_left(times, time) <= high
        rank = draw.randrange(len(times))
        first, last = found.hour_bounds(rank)
        assert first <= times[rank] <= last and last - first < MS_PER_HOUR
        assert found.hours_between(first, last) == [first // MS_PER_HOUR]


def test_an_hour_whose_times_are_not_given_is_known_by_its_ends_alone() -> None:
    whole = StartHistogram.of([1, 2, 3, MS_PER_HOUR, MS_PER_HOUR + 1])
    blind = StartHistogram(whole.hours)
    assert (blind.at(0), blind.at(2), blind.at(3), blind.at(4)) == (
        1,
        3,
        MS_PER_HOUR,
        MS_PER_HOUR + 1,
    )
    assert (blind.below(1), blind.below(4), blind.below(9 * MS_PER_HOUR)) == (0, 3, 5)
    with pytest.raises(KeyError):
        blind.at(1)
    with pytest.raises(KeyError):
        blind.below(2)
    with pytest.raises(IndexError):
        blind.at(5)
