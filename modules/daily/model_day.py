"""The day whose run pushed a model, kept with the pushed version.

Times of sessions say it too, but one session with a wrong clock makes them say another day.
"""

from __future__ import annotations

import os

from modules.daily.days import day_number, is_date
from modules.files.model_folder import read_json, write_json

FILE = os.path.join("assets.extra", "day.json")
_DAY = "day"


def write_day(version: str, day: str) -> None:
    """Writes the evaluated day of the run that pushes a version into its folder."""
    write_json(version, FILE, {_DAY: day})


def read_day(version: str) -> str | None:
    """Returns what `write_day` wrote; None without a valid one, as former versions push."""
    try:
        day = str((read_json(version, FILE) or {})[_DAY])
        day_number(day)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return day


def is_earlier(day: str | None, than: str | None) -> bool | None:
    """Returns whether a day is before another one; None if one is unknown, or they do not compare.

    >>> is_earlier("2015-09-11", "2015-09-12"), is_earlier("12", "2015-09-12")
    (True, None)
    """
    if day is None or than is None or is_date(day) != is_date(than):
        return None
    return day_number(day) < day_number(than)
