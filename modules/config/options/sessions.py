"""Options of reading click logs and building sessions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from modules.config.fields import Section, option
from modules.messages.quoting import quote

QUOTING = ("auto", "csv", "none")
LAYOUTS = ("rows", "nested")
LARGEST_WEIGHT = 1000.0
TIME_UNITS = ("auto", "milliseconds", "seconds", "microseconds", "nanoseconds", "iso8601")


@dataclasses.dataclass(frozen=True)
class SessionOptions(Section):
    """How rows are read and which sessions are kept."""

    session_column: str = option("SessionId", "header name of the session id")
    item_column: str = option("ItemId", "header name of the item id")
    time_column: str = option("Time", "header name of the event time")
    visitor_column: str | None = option(
        None,
        "header name of the visitor's id, for a log without sessions: they are cut from each "
        "visitor's events, and `session_column` is not read; null if the log has sessions",
    )
    gap_minutes: float = option(
        30.0,
        "with `visitor_column`: a longer pause between two events of a visitor, of any type, "
        "begins a new session",
        limits=(0, 1_000_000),
        excluding=(0,),
        unit="minutes",
    )
    event_column: str | None = option(
        None, "header name of the event type; null if the log has none"
    )
    event_types: tuple[str, ...] | None = option(
        None, "event types that sessions keep, once they are cut; null for all"
    )
    time_offset_column: str | None = option(
        None,
        "header name of milliseconds to add to the time, where a log has a date and, beside it, "
        "the time since its session began; null if the time is whole",
    )
    columns: tuple[str, ...] | None = option(
        None,
        "names of all columns, in order, of delimited text whose first line is a row; null if it "
        "names them",
    )
    layout: str = option(
        "rows",
        "`rows`: one event per row; `nested`: one session per row, its events in a list (JSON "
        "lines, Parquet, Avro)",
        choices=LAYOUTS,
    )
    events_column: str = option(
        "events",
        "with `layout=nested`: name of the list of events; item, time and type are names inside "
        "it, the session (or visitor) is beside it",
    )
    event_weights: Mapping[str, float] = option(
        {},
        "event type -> weight (above 0, at most 1000) of its events as targets in the loss that is "
        "trained, such as `{view: 1, cart: 3}`; other types weigh 1; empty for no weights at all",
    )
    drop_doubled_rows: bool = option(
        True, "with `visitor_column`: keep one of rows with equal visitor, item, time and type"
    )
    drop_clock_outliers: bool = option(
        True,
        "with `visitor_column`: drop events from before 1990, or more than a day after the run "
        "begins",
    )
    max_events_per_day: int | None = option(
        None,
        "with `visitor_column`: a visitor with more events on any day (UTC) is a bot, whose events "
        "are all dropped; null for no limit",
        limits=(1, math.inf),
        unit="events",
    )
    max_events_per_minute: int | None = option(
        None,
        "with `visitor_column`: a visitor with more events in any 60 seconds, wherever they begin, "
        "is a bot, too; one by both limits counts as a bot by the day; null for no limit",
        limits=(1, math.inf),
        unit="events",
    )
    max_visitor_events: int = option(
        1_000_000,
        "with `visitor_column`: a visitor with more rows is dropped, as its events would not fit "
        "into a worker's memory (about 200 bytes each)",
        limits=(1, math.inf),
        unit="events",
    )
    forget_file: str | None = option(
        None,
        "file of ids, one a line, whose rows are left out of all splits: of sessions, or with "
        "`visitor_column` of visitors or of their sessions as in the Examples (`visitor@start`); a "
        "path or URI. An edited list is read again, a missing one stops the run; null for none",
    )
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
    min_item_support: int = option(
        1,
        "fewest events of an item in the files of split train: rarer ones are dropped, then "
        "sessions that are too short, and so on in turns until nothing changes",
        limits=(1, 10**9),
        unit="events",
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

    def column_options(self) -> tuple[str, ...]:
        """Returns the options that name a column that is read: of sessions (or visitors) first."""
        first = "session_column" if self.visitor_column is None else "visitor_column"
        last = ("event_column", "time_offset_column")
        return (
            *(first, "item_column", "time_column"),
            *(name for name in last if getattr(self, name) is not None),
        )

    def kept_types(self) -> frozenset[bytes] | None:
        """Returns the event types that are kept, as they are in a file; None for all."""
        types = self.event_types
        return None if types is None else frozenset(each.encode() for each in types)

    def weight_by_type(self) -> dict[bytes, float] | None:
        """Returns the weights by event type as it is in a file; None if events have no weights."""
        weights = self.event_weights
        return {each.encode(): weight for each, weight in weights.items()} if weights else None

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        first, *others = self.column_options()
        problems = []
        if self.layout == "nested":  # names inside the list may be those beside it
            problems += self._column_problems([first, "events_column"])
            problems += self._column_problems(others)
            if self.columns is not None:
                problems.append("columns is for delimited text, which layout=nested does not read")
        else:
            problems += self._column_problems([first, *others])
            problems += self._no_header_problems([first, *others])
            if self.events_column != _DEFAULTS["events_column"]:
                problems.append("events_column needs layout=nested")
        if self.delimiter is not None and not _is_delimiter(self.delimiter):
            problems.append(
                "delimiter must be one ASCII character other than a quote or a line end, or null, "
                f"got {quote(self.delimiter)}"
            )
        problems += super().problems() + self._visitor_problems() + self._weight_problems()
        longest, shortest = self.max_session_length, self.min_session_length
        shortest = shortest if _is_count(shortest, 1) else 1
        if longest is not None and not _is_count(longest, shortest):
            problems.append(
                f"max_session_length must be an integer of at least min_session_length "
                f"({shortest}), or null, got {quote(longest)}"
            )
        return problems

    def _column_problems(self, names: list[str]) -> list[str]:
        columns = [getattr(self, name) for name in names]
        return [
            f"{name} must be the name of a column, each a different one, got {quote(column)}"
            for name, column in zip(names, columns, strict=True)
            if not (isinstance(column, str) and column.strip() and columns.count(column) == 1)
        ]

    def _no_header_problems(self, names: list[str]) -> list[str]:
        if self.columns is None:
            return []
        if not _are_texts(self.columns):
            return [
                "columns must be a list of one or more different texts without blanks around "
                f"them, or null, got {quote(self.columns)}"
            ]
        return [
            f"columns must have {name} ({quote(getattr(self, name))}), got {quote(self.columns)}"
            for name in names
            if getattr(self, name) not in self.columns
        ]

    def _visitor_problems(self) -> list[str]:
        problems = []
        if self.visitor_column is None:
            problems += [
                f"{name} needs visitor_column, the column that sessions are cut from"
                for name in _OF_VISITORS
                if getattr(self, name) != _DEFAULTS[name]
            ]
            if self.event_column is not None and not (self.event_types or self.event_weights):
                problems.append(
                    "event_column needs event_types or event_weights: without visitor_column "
                    "nothing else uses the types"
                )
        types = self.event_types
        if types is not None and not _are_texts(types):
            problems.append(
                "event_types must be a list of one or more different texts without blanks around "
                f"them, or null, got {quote(types)}"
            )
        if types is not None and self.event_column is None:
            problems.append("event_types needs event_column, the column that holds them")
        return problems

    def _weight_problems(self) -> list[str]:
        weights = self.event_weights
        if not isinstance(weights, Mapping):
            return [f"event_weights must map event types to weights, got {quote(weights)}"]
        if not weights:
            return []
        problems = [
            f"event_weights.{name} must be above 0 and at most {LARGEST_WEIGHT:g}, got "
            f"{quote(weight)}"
            for name, weight in weights.items()
            if not _is_weight(weight)
        ]
        if not _are_texts(list(weights)):
            problems.append(
                f"event_weights must name types without blanks around them, got {quote(weights)}"
            )
        if self.event_column is None:
            problems.append("event_weights needs event_column, the column that holds the types")
        kept = self.event_types
        dropped = [name for name in weights if kept is not None and name not in kept]
        if dropped:
            problems.append(
                f"event_weights has {quote(dropped)}, which event_types does not keep: add it "
                "there, or remove its weight"
            )
        return problems


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(SessionOptions)}
# What changes nothing in a log that has sessions.
_OF_VISITORS = (
    *("gap_minutes", "drop_doubled_rows", "drop_clock_outliers"),
    *("max_events_per_day", "max_events_per_minute", "max_visitor_events"),
)


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value <= LARGEST_WEIGHT


def _are_texts(values: object) -> bool:
    return (
        isinstance(values, (list, tuple))
        and bool(values)
        and all(isinstance(value, str) and value and value == value.strip() for value in values)
        and len(set(values)) == len(values)
    )


def _is_delimiter(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n\0'


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
