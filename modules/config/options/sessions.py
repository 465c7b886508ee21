"""Options of reading click logs and building sessions."""

from __future__ import annotations

import dataclasses
import math

from modules.config.fields import Section, option
from modules.messages.quoting import quote

QUOTING = ("auto", "csv", "none")
TIME_UNITS = ("auto", "milliseconds", "seconds", "microseconds", "nanoseconds", "iso8601")


@dataclasses.dataclass(frozen=True)
class SessionOptions(Section):
    """How rows are read and which sessions are kept."""

    session_column: str = option("SessionId", "header name of the session id")
    item_column: str = option("ItemId", "header name of the item id")
    time_column: str = option("Time", "header name of the event time")
    delimiter: str | None = option(
        None,
        "one character, a tab also as `\\t` or `tab`; null for a comma in `.csv` files, packed "
        "or not, else a tab",
        spellings={r"\t": "\t", "tab": "\t"},
    )
    quoting: str = option(
        "auto",
        "`csv`: quotes may enclose fields; `none`: quotes are ordinary characters; `auto`: `none` "
        "if the delimiter is a tab and no name in the header is quoted (a quoted id is then a bad "
        "row), else `csv`",
        choices=QUOTING,
    )
    time_unit: str = option(
        "auto",
        "unit of event times; ISO 8601 without a zone is UTC; `auto` decides value by value: "
        "numbers below 1e11 are seconds, below 1e14 milliseconds, below 1e17 microseconds, else "
        "nanoseconds; all else is ISO 8601",
        choices=TIME_UNITS,
    )
    drop_immediate_repeats: bool = option(False, "keep only the first of equal items in a row")
    min_session_length: int = option(
        2, "length of the shortest session, without repeats", limits=(1, math.inf), unit="events"
    )
    max_session_length: int | None = option(
        None, "latest events kept of a session in split train; null for all"
    )
    sample_fraction: float = option(
        1.0, "share of train sessions kept, by a hash of their id", limits=(0, 1), excluding=(0,)
    )
    eval_fraction: float = option(
        0.15,
        "share of train sessions, the last by start time, that become split eval if none is given",
        limits=(0, 1),
        excluding=(0, 1),
    )
    eval_hours: float | None = option(
        None,
        "hours of train that become split eval; takes precedence over eval_fraction",
        limits=(0, 1_000_000),
        excluding=(0,),
        unit="hours",
    )
    max_reject_fraction: float = option(
        0.01, "largest accepted share of bad rows in an input split", limits=(0, 1)
    )

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        names = ("session_column", "item_column", "time_column")
        columns = [getattr(self, name) for name in names]
        problems = [
            f"{name} must be the name of a column, each a different one, got {quote(column)}"
            for name, column in zip(names, columns, strict=True)
            if not (isinstance(column, str) and column.strip() and columns.count(column) == 1)
        ]
        if self.delimiter is not None and not _is_delimiter(self.delimiter):
            problems.append(
                "delimiter must be one ASCII character other than a quote or a line end, or null, "
                f"got {quote(self.delimiter)}"
            )
        problems += super().problems()
        longest, shortest = self.max_session_length, self.min_session_length
        shortest = shortest if _is_count(shortest, 1) else 1
        if longest is not None and not _is_count(longest, shortest):
            problems.append(
                f"max_session_length must be an integer of at least min_session_length "
                f"({shortest}), or null, got {quote(longest)}"
            )
        return problems


def _is_delimiter(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n\0'


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
