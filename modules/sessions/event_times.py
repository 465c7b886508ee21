"""Event times as text, and as milliseconds since 1970; neither TensorFlow nor Beam here."""

from __future__ import annotations

import datetime
import functools
import re

MS_PER_DAY = 86_400_000
PLAUSIBLE_FROM = 631_152_000_000  # the year 1990: no click log is older
MAX_TIME_MS = 253_402_300_799_999  # the last millisecond of the year 9999

# Smallest number that `auto` reads in a unit. Seconds below 1e11 end in the year 5138, and 1e11
# milliseconds, 1e14 microseconds and 1e17 nanoseconds are all March 1973.
_MILLISECONDS_FROM, _MICROSECONDS_FROM, _NANOSECONDS_FROM = 10**11, 10**14, 10**17
_PER_MS = {"milliseconds": 1, "microseconds": 1000, "nanoseconds": 1_000_000}
_LONGEST_TIME = 40  # characters

# A decimal comma is recognized by more digits before it than a thousands separator has.
_NUMBER = re.compile(
    rb"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?|[0-9]+,[0-9]+[eE][+-]?[0-9]{1,3}|[0-9]{4,},[0-9]*"
)
_ISO_8601 = re.compile(
    rb"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    rb"(?:[Tt ](?P<hour>[01][0-9]|2[0-3])(?P<colon>:?)(?P<minute>[0-5][0-9])"
    rb"(?:(?P=colon)(?P<second>[0-5][0-9]|60)(?:[.,](?P<fraction>[0-9]+))?)?"
    rb" ?(?P<zone>[Zz]|UTC|GMT|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
)
_MS_PER_HOUR = 3_600_000
_MS_PER_MINUTE = 60_000
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def time_to_ms(raw: bytes, unit: str = "auto") -> int | None:
    """Returns an event time in milliseconds since 1970, None if it cannot be read.

    Negative times, and those after the year 9999, cannot: in click logs they mean "missing". Times
    without a zone are UTC.

    Args:
      raw: text of the field.
      unit: a `time_unit`; `auto` derives a number's unit from its size, all else is ISO 8601.

    >>> time_to_ms(b"1442004589439"), time_to_ms(b"1396860669.277"), time_to_ms(b"soon")
    (1442004589439, 1396860669277, None)
    >>> time_to_ms(b"2014-04-07T10:51:09.277+02:00")
    1396860669277
    """
    if raw.isdigit() and len(raw) <= _LONGEST_TIME and unit != "iso8601":
        time = int(raw)
        if unit == "auto" and _MILLISECONDS_FROM <= time < _MICROSECONDS_FROM:
            return time  # the usual case
        return _whole_to_ms(time, unit if unit != "auto" else _unit_of(time))
    raw = raw.strip()
    if len(raw) > _LONGEST_TIME:
        return None
    if unit != "iso8601" and _NUMBER.fullmatch(raw):
        number = float(raw.replace(b",", b"."))
        return _float_to_ms(number, unit if unit != "auto" else _unit_of(number))
    return _iso_8601_to_ms(raw) if unit in ("auto", "iso8601") else None


def _unit_of(number: float) -> str:
    """Returns the unit of a number since 1970, by its size."""
    if number < _MILLISECONDS_FROM:
        return "seconds"
    if number < _MICROSECONDS_FROM:
        return "milliseconds"
    return "microseconds" if number < _NANOSECONDS_FROM else "nanoseconds"


def _whole_to_ms(time: int, unit: str) -> int | None:
    per_ms = _PER_MS.get(unit, 1)
    time = time * 1000 if unit == "seconds" else (time + per_ms // 2) // per_ms
    return time if time <= MAX_TIME_MS else None


def _float_to_ms(number: float, unit: str) -> int | None:
    number = number * 1000 if unit == "seconds" else number / _PER_MS[unit]
    return round(number) if number <= MAX_TIME_MS else None


def _iso_8601_to_ms(raw: bytes) -> int | None:
    match = _ISO_8601.fullmatch(raw)
    if match is None:
        return None
    part = match.groupdict(default=b"0")
    days = _days_since_1970(part["year"], part["month"], part["day"])
    if days is None:
        return None
    time = days * MS_PER_DAY - _offset_ms(match["zone"])
    time += int(part["hour"]) * _MS_PER_HOUR + int(part["minute"]) * _MS_PER_MINUTE
    time += int(part["second"]) * 1000 + round(float(b"0." + part["fraction"]) * 1000)
    return time if 0 <= time <= MAX_TIME_MS else None


@functools.lru_cache(maxsize=4096)
def _days_since_1970(year: bytes, month: bytes, day: bytes) -> int | None:
    try:
        return datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:  # the 30th of February, the year 0
        return None


def _offset_ms(zone: bytes | None) -> int:
    """Returns how far a zone such as `+02:00` is ahead of UTC."""
    if zone is None or zone[:1] not in b"+-":
        return 0
    digits = zone[1:].replace(b":", b"").ljust(4, b"0")
    ahead = int(digits[:2]) * _MS_PER_HOUR + int(digits[2:]) * _MS_PER_MINUTE
    return ahead if zone[:1] == b"+" else -ahead


def utc_text(time_ms: int) -> str:
    """Returns a time as text.

    >>> utc_text(1442004589439)
    '2015-09-11 20:49:49.439 UTC'
    """
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms)
    return f"{moment.isoformat(sep=' ', timespec='milliseconds')} UTC"
