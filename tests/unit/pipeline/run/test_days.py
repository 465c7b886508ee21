"""Which days are run."""

import datetime

import pytest

from modules.config.options.data import DataOptions
from pipeline.run.days import (
    LateError,
    days_between,
    days_there,
    missed_days,
    named_day,
    next_day,
)

THERE = ["2015-09-04", "2015-09-05", "2015-09-06", "2015-09-08"]


def test_the_days_that_have_files_are_ordered_as_numbers(tmp_path):
    for span in (2, 10, 9):
        (tmp_path / f"{span}.tsv").write_text("x")
    assert days_there(DataOptions(daily="{SPAN}.tsv", folder=str(tmp_path))) == ["2", "9", "10"]


def test_the_next_day_is_the_newest_and_late_if_it_has_been_run():
    assert next_day(THERE, [], None) == "2015-09-08"
    assert next_day(THERE, ["2015-09-06"], None) == "2015-09-08"
    with pytest.raises(LateError, match=r"No day after 2015-09-08 .* the log is late"):
        next_day(THERE, ["2015-09-08", "2015-09-04"], None)
    with pytest.raises(LateError, match="No day has files yet"):
        next_day([], [], None)


def test_when_all_days_that_are_over_have_been_run_there_is_nothing_to_do():
    today = datetime.date.today()
    yesterday = (today - datetime.timedelta(days=1)).isoformat()
    assert next_day([yesterday, today.isoformat()], [yesterday], 1) is None
    assert next_day([yesterday], [yesterday], 1) is None


def test_a_newest_day_that_is_too_long_ago_is_late():
    with pytest.raises(LateError, match=r"2015-09-08, [\d]+ days ago: the log is late \[checks"):
        next_day(THERE, [], 30)


def test_a_day_that_is_not_over_is_not_the_newest():
    today = datetime.date.today()
    typing_error = (today + datetime.timedelta(days=9000)).isoformat()
    there = [*THERE, today.isoformat(), typing_error]
    assert next_day(there, ["2015-09-06"], None) == "2015-09-08"
    with pytest.raises(LateError, match="No day after 2015-09-08 has files yet"):
        next_day(there, ["2015-09-08"], None)
    with pytest.raises(LateError, match=f"{today} is not over yet"):
        next_day(there[-2:], [], None)
    assert named_day(today.isoformat(), there) == today.isoformat()
    with pytest.raises(ValueError, match=f"{typing_error} is in the future"):
        named_day(typing_error, there)


def test_a_named_day_without_files_is_late_or_wrong():
    assert named_day("2015-09-05", THERE) == "2015-09-05"
    with pytest.raises(LateError, match="2015-09-09 has no file yet: the newest day there is 2015"):
        named_day("2015-09-09", THERE)
    with pytest.raises(ValueError, match="no file is there for 2015-09-07"):
        named_day("2015-09-07", THERE)


def test_days_between_two_need_files_and_an_order():
    assert days_between("2015-09-04", "2015-09-06", THERE) == THERE[:3]
    with pytest.raises(ValueError, match="no file is there for 2015-09-07"):
        days_between("2015-09-06", "2015-09-08", THERE)
    with pytest.raises(ValueError, match="--from 2015-09-06 is later than --to 2015-09-04"):
        days_between("2015-09-06", "2015-09-04", THERE)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2015-09-11", "4000000", "must both be dates, or both numbers"),
        ("1", "99999999", "1 to 99999999 are more than 3,660 days"),
        ("0001-01-01", "9999-12-31", "more than 3,660 days"),
        ("2015-01-01", "2015-06-01", "and 142 more$"),
        ("2050-01-01", "2050-01-02", "2050-01-02 is in the future"),
        ("soon", "2015-09-11", "must be a date"),
    ],
)
def test_days_that_cannot_be_are_refused_in_a_short_line(first, last, words):
    with pytest.raises(ValueError, match=words) as caught:
        days_between(first, last, THERE)
    assert len(str(caught.value)) < 300


def test_a_day_whose_next_one_is_there_already_is_late_all_the_same():
    today = datetime.date.today()
    yesterday = (today - datetime.timedelta(days=1)).isoformat()
    with pytest.raises(LateError, match=f"{yesterday} has no file yet: the newest day there is"):
        named_day(yesterday, [*THERE, today.isoformat()])


def test_missed_days_are_those_after_the_first_run_that_were_not_run():
    assert missed_days(THERE, ["2015-09-05", "2015-09-08"]) == ["2015-09-06"]
    assert missed_days(THERE, THERE) == []
    assert missed_days(["9", "10", "11", "12"], []) == ["12"]  # not a log of years


def test_a_day_is_not_missed_before_it_is_over():
    there = ["2015-09-04", "2015-09-05", "2015-09-06"]  # a live log has the first hours of today
    today = datetime.date(2015, 9, 6)
    assert missed_days(there, ["2015-09-04"], today) == ["2015-09-05"]
    assert missed_days(["9", "16700"], ["9"], today) == ["16700"]  # no date
