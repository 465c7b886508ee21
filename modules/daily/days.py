"""Days of a daily pipeline: numbers of TFX's spans, and their names; standard library only."""

from __future__ import annotations

import datetime
import re

from modules.messages.quoting import quote

DAYS = "days"
"""Property of an Examples artifact that a window made: bytes of the files by day, as JSON.

The evaluated day is the last; a day without files has 0.
"""

_EPOCH = datetime.date(1970, 1, 1)
_MOST_DIGITS = 9


def day_name(span: int, is_dated: bool) -> str:
    """Returns a day's name: the date, if spans are days since 1970, else the number.

    >>> day_name(16689, True), day_name(12, False)
    ('2015-09-11', '12')
    """
    return (_EPOCH + datetime.timedelta(days=span)).isoformat() if is_dated else str(span)


def date_number(year: int, month: int, day: int) -> int:
    """Returns the days from 1970-01-01 to a date; raises ValueError for one that does not exist."""
    return (datetime.date(year, month, day) - _EPOCH).days


def day_number(name: str) -> int:
    """Returns the span of a day's name: days since 1970 of a date, or the number itself.

    Raises:
      ValueError: it is neither.

    >>> day_number("2015-09-11"), day_number("12")
    (16689, 12)
    """
    if re.fullmatch(rf"\d{{1,{_MOST_DIGITS}}}", name, re.ASCII):
        return int(name)
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", name, re.ASCII):
            raise ValueError
        return date_number(*map(int, name.split("-")))
    except ValueError:
        raise ValueError(
            f"must be a date such as 2015-09-11, or the number of a span, got {quote(name)}"
        ) from None


def is_date(name: str) -> bool:
    """Returns whether the name of a day is a date."""
    return "-" in name


def is_over(day: str, today: datetime.date | None = None) -> bool:
    """Returns whether a day is over: the files of a live log grow until then.

    Args:
      day: name of the day; a number of a span is over.
      today: the first date that is not, by default that of this machine's clock and time zone.
    """
    return not is_date(day) or datetime.date.fromisoformat(day) < (today or datetime.date.today())


def check_age(day: str, most_days: int | None, today: datetime.date | None = None) -> None:
    """Checks that a day is not too long ago.

    Args:
      day: name of the newest day that has files; a number of a span has no age.
      most_days: largest age that is accepted; None for no limit.
      today: the date by which days are old, by default that of this machine's clock and time zone.

    Raises:
      ValueError: the day is older.
    """
    if most_days is None or not is_date(day):
        return
    today = today or datetime.date.today()
    age = (today - datetime.date.fromisoformat(day)).days
    if age > most_days:
        raise ValueError(
            f"the newest day that has files is {day}, {age} days ago: the log is late "
            f"[checks.max_age_days: {most_days}]"
        )
