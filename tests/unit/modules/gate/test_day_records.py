"""Records of evaluated days."""

from __future__ import annotations

import dataclasses
import json

import pytest

from modules.gate.day_records import (
    DAYS,
    DayRecord,
    PairedDifference,
    by_key,
    days_before,
    read_days,
    with_day,
)

CHANGE, BASELINE = ("change", "recall", None), ("baseline", "recall", "stan")


def _day(number: int, blessed: bool = True, **differences: float) -> DayRecord:
    """Returns a day of the hours 0 to 23."""
    keys = {"change": CHANGE, "stan": BASELINE}
    found = [
        PairedDifference(*keys[name], difference, 1e-4, 100)
        for name, difference in differences.items()
    ]
    return DayRecord(number * 24, number * 24 + 23, blessed, by_key(found))


def test_days_are_read_as_they_were_written() -> None:
    days = [_day(1, change=-0.1, stan=0.2), _day(2, blessed=False)]
    written = json.loads(json.dumps({DAYS: [day.as_json() for day in days]}))
    assert read_days(written) == days
    assert read_days({"format": 1}) == []  # of a former version


@pytest.mark.parametrize("content", [{DAYS: [{}]}, {DAYS: 3}, {DAYS: ["day"]}, []])
def test_other_forms_are_errors(content) -> None:
    with pytest.raises(ValueError, match="its days have an unexpected form"):
        read_days(content)


def test_a_past_day_has_no_later_ones_before_it() -> None:
    days = [_day(number) for number in (4, 1, 3, 7, 5)]

    def before(number: int, most: int) -> list[int]:
        return [day.first_start // 24 for day in days_before(days, _day(number), most)]

    assert before(6, most=3) == [3, 4, 5]
    assert before(4, most=3) == [1, 3]
    assert before(9, most=0) == before(1, most=3) == []


def test_a_day_that_is_evaluated_again_replaces_itself() -> None:
    days = [_day(1, change=-0.1), _day(2, change=-0.2, stan=0.5), _day(3, change=-0.3)]
    again = with_day(days, _day(2, blessed=False, stan=0.4), most=3)
    assert [day.first_start // 24 for day in again] == [1, 2, 3]
    assert not again[1].blessed
    # Compared with itself this time, so that the change stays that of the first time.
    assert {key: found.difference for key, found in again[1].differences.items()} == {
        CHANGE: -0.2,
        BASELINE: 0.4,
    }


def test_days_of_a_window_are_told_apart_by_their_spans() -> None:
    # Each file has a session that began on the day before, as logs by time of arrival have.
    days = [
        dataclasses.replace(_day(number, stan=0.1), first_start=number * 24 - 30, span=number)
        for number in (1, 2, 3)
    ]
    kept: list[DayRecord] = []
    for day in (days[0], days[2], days[1]):
        kept = with_day(kept, day, most=3)
    assert kept == days
    assert days_before(kept, days[2], most=2) == days[:2]
    assert read_days({DAYS: [days[0].as_json()]}) == days[:1]


def test_the_last_days_are_kept_whatever_the_order_of_their_evaluation() -> None:
    days: list[DayRecord] = []
    for number in (1, 2, 3, 7, 5, 0):
        days = with_day(days, _day(number), most=4)
    assert [day.first_start // 24 for day in days] == [2, 3, 5, 7]
