"""Values of typed formats as the bytes of ids and times that text would have."""

from __future__ import annotations

import decimal
import math
import re
from typing import Any

from modules.sessions.event_times import MAX_TIME_MS

_WHOLE = re.compile(r"-?[0-9]+(\.0*)?")
_LONGEST_NUMBER = 40  # digits
_EXACT_FLOATS = 2**53


class Number(str):
    """A number of JSON as it is written: it may have more digits than a float holds."""


def id_of(value: Any) -> bytes | None:
    """Returns an id as bytes, empty for a missing one; None for a value of another type.

    A whole number may come as a float: a column of integers with gaps becomes one in pandas.

    >>> [id_of(value) for value in ("shoe", 7, 7.0, None, 7.5, True, ["shoe"])]
    [b'shoe', b'7', b'7', b'', None, None, None]
    """
    kind = type(value)
    if kind is bytes:
        return value
    if kind is str:
        return value.encode("utf-8", "surrogatepass")
    if kind is int:
        return b"%d" % value
    if value is None:
        return b""
    if kind is float:
        if math.isnan(value):
            return b""
        return b"%d" % int(value) if value.is_integer() and abs(value) <= _EXACT_FLOATS else None
    if kind is Number:
        return _whole_number(value)
    if isinstance(value, decimal.Decimal):
        return _whole_number(str(value))
    return None


def time_of(value: Any) -> bytes | int | None:
    """Returns a time as the bytes that text would have; an int is one in milliseconds already.

    Returns None for a value that is neither a text nor a number.
    """
    kind = type(value)
    if kind is bytes:
        return value
    if kind is str or kind is Number:
        return value.encode("utf-8", "surrogatepass")
    if kind is int:
        return b"%d" % value
    if value is None:
        return b""
    if kind is float:
        return repr(value).encode()
    if isinstance(value, Milliseconds):
        return int(value)
    return str(value).encode() if isinstance(value, decimal.Decimal) else None


class Milliseconds(int):
    """A time of a typed column, in milliseconds since 1970."""


def in_range(time: int) -> int | None:
    """Returns a time in milliseconds, None if no click log has it."""
    return time if 0 <= time <= MAX_TIME_MS else None


def to_ms(value: int, per_second: int) -> int:
    """Returns a whole number of parts of a second in milliseconds, rounded as text is."""
    if per_second <= 1000:
        return value * (1000 // per_second)
    per_ms = per_second // 1000
    return (value + per_ms // 2) // per_ms


def _whole_number(text: str) -> bytes | None:
    if _WHOLE.fullmatch(text):
        return b"%d" % int(text.partition(".")[0]) if len(text) <= 4000 else None
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > _LONGEST_NUMBER:
        return None
    return b"%d" % int(number) if number == number.to_integral_value() else None
