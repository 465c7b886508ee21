"""The day whose run pushed a model, kept with the pushed version.

Times of sessions say it too, but one session with a wrong clock makes them say another day.
"""

from __future__ import annotations

import json
import os

from modules.daily.days import day_number, is_date
from modules.files.file_systems import place_of, tensorflow_schemes

FILE = os.path.join("assets.extra", "day.json")
_DAY = "day"


def write_day(version: str, day: str) -> None:
    """Writes the evaluated day of the run that pushes a version into its folder."""
    place = place_of(version, tensorflow_schemes)
    place.write_text(os.path.join(version, FILE), json.dumps({_DAY: day}))


def read_day(version: str) -> str | None:
    """Returns what `write_day` wrote; None without a valid one, as former versions push."""
    place = place_of(version, tensorflow_schemes)
    errors: tuple[type[Exception], ...] = (KeyError, TypeError, ValueError, *place.errors)
    try:
        day = str(json.loads(place.read_text(os.path.join(version, FILE)))[_DAY])
        day_number(day)
    except errors:
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
