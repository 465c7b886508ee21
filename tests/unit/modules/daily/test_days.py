"""Names and numbers of days."""

import datetime

import pytest

from modules.daily.days import check_age, date_number, day_name, day_number, is_date


def test_a_date_and_its_number_of_days_since_1970_are_each_others_inverse():
    assert date_number(1970, 1, 1) == 0
    assert day_name(date_number(2016, 2, 29), True) == "2016-02-29"
    assert day_number("2016-02-29") == day_number("2016-03-01") - 1
    assert is_date("2016-02-29") and not is_date("16860")


@pytest.mark.parametrize("name", ["2015-02-29", "2015-9-1", "11/09/2015", "-1", "", "1" * 10, "٣"])
def test_what_is_neither_a_date_nor_a_number_is_refused(name):
    with pytest.raises(ValueError, match="must be a date such as 2015-09-11, or the number"):
        day_number(name)


def test_a_day_is_too_old_by_the_date_of_the_clock_and_a_number_has_no_age():
    today = datetime.date(2015, 9, 13)
    check_age("2015-09-12", 1, today)
    check_age("2015-09-01", None, today)
    check_age("12", 1, today)
    with pytest.raises(ValueError, match=r"2015-09-11, 2 days ago: the log is late"):
        check_age("2015-09-11", 1, today)
