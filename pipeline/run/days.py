"""Which days a daily pipeline runs; standard library only below the patterns of files."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from modules.config.options.data import DataOptions
from modules.daily.days import check_age, day_name, day_number, is_date, is_over
from modules.daily.spans import newest_versions

_MOST_DAYS, _MOST_NAMES = 3660, 10


class LateError(Exception):
    """The day that should be run has no files yet; the message says which.

    Attributes:
      day: the day, None where no day has any.
    """

    def __init__(self, message: str, day: str | None = None) -> None:
        """Keeps message and day."""
        super().__init__(message)
        self.day = day


def days_there(data: DataOptions) -> list[str]:
    """Returns the names of all days that have files, the earliest first.

    Raises:
      ValueError: the files cannot be found, or a name has no valid date.
    """
    assert data.daily
    spans = newest_versions(data.folder or "/", data.daily)
    return [day_name(span, "{YYYY" in data.daily) for span in sorted(spans)]


def evaluated_day(data: DataOptions) -> str | None:
    """Returns the day that a run evaluates; None without daily files, or if none can be found."""
    if data.date or not data.daily:
        return data.date
    try:
        return max(filter(is_over, days_there(data)), key=day_number, default=None)
    except (OSError, ValueError):
        return None


def named_day(day: str, there: Collection[str]) -> str:
    """Returns a day that has files, by its name.

    Raises:
      LateError: it has none, and is later than all days that are over and have.
      ValueError: it has none, or it is in the future.
    """
    _check_future(day)
    newest = max(filter(is_over, there), key=day_number, default=None)
    is_there = day_number(day) in map(day_number, there)
    if not is_there and (newest is None or day_number(day) > day_number(newest)):
        ending = "" if newest is None else f": the newest day there is {newest}"
        raise LateError(f"{day} has no file yet{ending}.", day)
    return days_between(day, day, there)[0]


def _check_future(day: str) -> None:
    """Raises ValueError for a date after tomorrow, which may be today where the log is written."""
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)
    if is_date(day) and datetime.date.fromisoformat(day) > tomorrow:
        raise ValueError(f"{day} is in the future")


def next_day(there: Collection[str], done: Collection[str], max_age_days: int | None) -> str | None:
    """Returns the newest day with files that is over and later than those that have been run.

    Returns:
      None if all days that are over have been run.

    Raises:
      LateError: it has been run, or is too long ago: the next day is late.
    """
    newest = max(filter(is_over, there), key=day_number, default=None)
    if newest is None:
        first = min(there, key=day_number, default=None)
        raise LateError("No day has files yet." if first is None else f"{first} is not over yet.")
    last = max(done, key=day_number, default=None)
    if last is not None and day_number(newest) <= day_number(last):
        following = day_name(day_number(last) + 1, is_date(last))
        if not is_over(following):
            return None
        raise LateError(
            f"No day after {last} has files yet, and that one has been run: the log is late.",
            following,
        )
    try:
        check_age(newest, max_age_days)
    except ValueError as error:
        after = day_name(day_number(newest) + 1, is_date(newest))
        raise LateError(str(error), after) from error
    return newest


def days_between(first: str, last: str, there: Collection[str]) -> list[str]:
    """Returns the days with files from `first` to `last`, in order.

    Raises:
      ValueError: a day in between has no files, or the days are in the wrong order.
    """
    low, high = day_number(first), day_number(last)
    if is_date(first) != is_date(last):
        raise ValueError(f"{first} and {last} must both be dates, or both numbers of spans")
    if low > high:
        raise ValueError(f"--from {first} is later than --to {last}")
    if high - low >= _MOST_DAYS:
        raise ValueError(f"{first} to {last} are more than {_MOST_DAYS:,} days")
    _check_future(last)
    known = {day_number(day): day for day in there}
    missing = [span for span in range(low, high + 1) if span not in known]
    if missing:
        names = [day_name(span, is_date(first)) for span in missing]
        more = len(names) - _MOST_NAMES
        shown = ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
        raise ValueError(f"no file is there for {shown}")
    return [known[span] for span in range(low, high + 1)]


def missed_days(
    there: Collection[str], done: Collection[str], today: datetime.date | None = None
) -> list[str]:
    """Returns the days that have files and have not been run, from the first run on, in order.

    Without any finished run it is the newest alone: a log of years would mean hundreds of runs.

    Args:
      there: days that have files.
      done: days that have been run.
      today: the first day that is not over, see `is_over`.
    """
    spans = {day_number(day): day for day in there if is_over(day, today)}
    first = min((day_number(day) for day in done), default=max(spans, default=0))
    skipped = {day_number(day) for day in done}
    return [spans[span] for span in sorted(spans) if span >= first and span not in skipped]
