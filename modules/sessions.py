"""Rows of a click log become sessions; neither TensorFlow nor Beam here.

The functions below are all that decides what a row, a session and the eval cut are. The Beam graph
(`components/session_example_gen`) and the tests call the same ones.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

REJECT_REASONS = ("encoding", "field_count", "empty_id", "time")
TIME_UNITS = ("auto", "milliseconds", "seconds")
MAX_TIME_MS = 253_402_300_799_999  # the last millisecond of the year 9999
_MS_PER_HOUR = 3_600_000
_SECONDS_BELOW = 10**11  # read as milliseconds this is March 1973, as seconds the year 5138
_NUMBER = re.compile(rb"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")


class SessionDataError(ValueError):
    """The input files cannot be used; the message names file, column and what was found."""


@dataclasses.dataclass(frozen=True)
class SessionOptions:
    """How rows are read and which sessions are kept.

    Attributes:
      session_column: header name of the session id.
      item_column: header name of the item id.
      time_column: header name of the event time.
      delimiter: one character; None takes a comma for `.csv` (and `.csv.gz`), else a tab.
      time_unit: `milliseconds`, `seconds`, or `auto`: by value, a decimal point or an integer
        below 1e11 means seconds.
      drop_immediate_repeats: of equal items in a row keep the first event.
      min_session_length: events a session needs, counted after dropping repeats.
      max_session_length: events kept of a longer session, the latest, in split train; None for all.
      sample_fraction: share of train sessions kept, chosen by a hash of the session id.
      eval_fraction: share of train sessions, the last by start time, that become split eval where
        the input has none.
      eval_hours: length of split eval in hours of session start time; wins over eval_fraction.
      max_reject_fraction: largest accepted share of bad rows in an input split.
    """

    session_column: str = "SessionId"
    item_column: str = "ItemId"
    time_column: str = "Time"
    delimiter: str | None = None
    time_unit: str = "auto"
    drop_immediate_repeats: bool = False
    min_session_length: int = 2
    max_session_length: int | None = None
    sample_fraction: float = 1.0
    eval_fraction: float = 0.15
    eval_hours: float | None = None
    max_reject_fraction: float = 0.01

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return [message for is_bad, message in self._rules() if is_bad]

    def _rules(self) -> Iterator[tuple[bool, str]]:
        columns = (self.session_column, self.item_column, self.time_column)
        for name in ("session_column", "item_column", "time_column"):
            value = getattr(self, name)
            bad = not isinstance(value, str) or not value.strip()
            yield bad, f"{name} must be a column's name, got {value!r}"
        yield (
            len(set(columns)) < 3,
            f"session_column, item_column and time_column must differ, got {columns!r}",
        )
        yield (
            self.delimiter is not None and not _is_delimiter(self.delimiter),
            f"delimiter must be one ASCII character other than a quote or a line end, "
            f"got {self.delimiter!r}",
        )
        yield (
            self.time_unit not in TIME_UNITS,
            f"time_unit must be one of {', '.join(TIME_UNITS)}, got {self.time_unit!r}",
        )
        yield (
            not isinstance(self.drop_immediate_repeats, bool),
            f"drop_immediate_repeats must be true or false, got {self.drop_immediate_repeats!r}",
        )
        shortest, longest = self.min_session_length, self.max_session_length
        is_count = _is_number(shortest, 1, whole=True)
        yield not is_count, f"min_session_length must be an integer from 1 on, got {shortest!r}"
        least = shortest if is_count else 1
        yield (
            longest is not None and not _is_number(longest, least, whole=True),
            f"max_session_length must be an integer not below min_session_length ({least}), "
            f"got {longest!r}",
        )
        for name, low_is_open, high_is_open in (
            ("sample_fraction", True, False),
            ("eval_fraction", True, True),
            ("max_reject_fraction", False, False),
        ):
            value = getattr(self, name)
            bad = (
                not _is_number(value, 0, 1)
                or (low_is_open and value == 0)
                or (high_is_open and value == 1)
            )
            span = f"{'above 0' if low_is_open else 'from 0'} {'below' if high_is_open else 'to'} 1"
            yield bad, f"{name} must be a number {span}, got {value!r}"
        hours = self.eval_hours
        yield (
            hours is not None and (not _is_number(hours, 0) or hours == 0),
            f"eval_hours must be a number above 0, got {hours!r}",
        )


def _is_delimiter(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n\0'


def _is_number(value: object, low: float, high: float = 10**12, whole: bool = False) -> bool:
    """Tells whether value is a number in [low, high]; YAML's true and false are none."""
    kinds = int if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high


class Columns(NamedTuple):
    """Where a file's rows hold what: all positions count fields from 0."""

    delimiter: str
    width: int
    session: int
    item: int
    time: int


def read_header(line: bytes, path: str, options: SessionOptions) -> Columns:
    """Finds the columns in a file's first line (byte-order mark, Windows line end tolerated).

    Raises:
      SessionDataError: a column is missing or named twice.
    """
    delimiter = options.delimiter or _delimiter_by_name(path)
    text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    names = [name.strip() for name in _fields(text, delimiter)]
    found = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    where = []
    for option in ("session_column", "item_column", "time_column"):
        wanted = getattr(options, option)
        if names.count(wanted) != 1:
            number = "no" if wanted not in names else "more than one"
            raise SessionDataError(
                f"{path} has {number} column {wanted!r}: its first line, split at {delimiter!r}, "
                f"names {found}. Mend the header, or set {option} or delimiter."
            )
        where.append(names.index(wanted))
    return Columns(delimiter, len(names), *where)


def _delimiter_by_name(path: str) -> str:
    return "," if path.lower().removesuffix(".gz").endswith(".csv") else "\t"


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:  # an open quote
        return []


def time_to_ms(raw: bytes, unit: str = "auto") -> int | None:
    """Reads an event time as milliseconds since 1970, None where it is none.

    Negative values, and those after the year 9999, count as unreadable: in a click log they are
    somebody's mark for "missing".

    >>> time_to_ms(b"1442004589439"), time_to_ms(b"1396860669.277"), time_to_ms(b"soon")
    (1442004589439, 1396860669277, None)
    """
    if raw.isdigit():
        value = int(raw)
        in_seconds = unit == "seconds" or (unit == "auto" and value < _SECONDS_BELOW)
        time = value * 1000 if in_seconds else value
    else:
        text = raw.strip()
        match = _NUMBER.fullmatch(text)
        if not match:
            return None
        number = float(text)
        is_float = match.group(1) is not None
        in_seconds = unit == "seconds" or (unit == "auto" and (is_float or number < _SECONDS_BELOW))
        if number > MAX_TIME_MS:
            return None
        time = round(number * 1000 if in_seconds else number)
    return time if time <= MAX_TIME_MS else None


class Rows(NamedTuple):
    """What a piece of a file holds: four parallel lists, and the rows that cannot be used.

    Attributes:
      session_ids: one per event.
      item_ids: one per event.
      times: milliseconds, one per event.
      offsets: where each row begins in the file's (uncompressed) text, in bytes.
      rejects: (reason, offset, text) of each bad row.
    """

    session_ids: list[bytes]
    item_ids: list[bytes]
    times: list[int]
    offsets: list[int]
    rejects: list[tuple[str, int, bytes]]


def parse_rows(text: bytes, offset: int, columns: Columns, time_unit: str = "auto") -> Rows:
    """Parses whole lines of a file; `offset` is where they begin in it. Blank lines are no rows."""
    rows = Rows([], [], [], [], [])
    session_ids, item_ids, times, offsets, rejects = rows
    split = _line_splitter(text, columns.delimiter)
    is_bad_text = _encoding_check(text)
    _, width, session, item, time = columns
    for line in text.split(b"\n"):
        start = offset
        offset += len(line) + 1
        if line[-1:] == b"\r":
            line = line[:-1]
        if not line:
            continue
        if is_bad_text is not None and is_bad_text(line):
            rejects.append(("encoding", start, line))
            continue
        fields = split(line)
        if len(fields) != width:
            rejects.append(("field_count", start, line))
            continue
        session_id, item_id = fields[session], fields[item]
        if not session_id.strip() or not item_id.strip():
            rejects.append(("empty_id", start, line))
            continue
        event_time = time_to_ms(fields[time], time_unit)
        if event_time is None:
            rejects.append(("time", start, line))
            continue
        session_ids.append(session_id)
        item_ids.append(item_id)
        times.append(event_time)
        offsets.append(start)
    return rows


def _line_splitter(text: bytes, delimiter: str) -> Callable[[bytes], list[bytes]]:
    raw = delimiter.encode()

    def split_quoted(line: bytes) -> list[bytes]:
        if b'"' not in line:
            return line.split(raw)
        return [field.encode() for field in _fields(line.decode(), delimiter)]

    return split_quoted if b'"' in text else lambda line: line.split(raw)


def _encoding_check(text: bytes) -> Callable[[bytes], bool] | None:
    """Returns None where all of the text is UTF-8 (one fast test), else a test for single lines."""
    return _is_not_utf8 if _is_not_utf8(text) else None


def _is_not_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return True
    return False


Event = tuple[int, int, bytes]
"""Time in ms, place in the input (file, then offset; breaks ties in time), item id."""


class Session(NamedTuple):
    """A session in time order; `start_time` stays that of the first event when events are cut."""

    session_id: bytes
    start_time: int
    item_ids: list[bytes]
    event_times: list[int]


def build_sessions(
    groups: Mapping[bytes, Sequence[Event]] | Iterable[tuple[bytes, Sequence[Event]]],
    split: str,
    options: SessionOptions,
    counts: Counter[str],
) -> Iterator[Session]:
    """Samples, orders and filters the sessions of an input split; counts what it leaves out."""
    pairs = groups.items() if isinstance(groups, Mapping) else groups
    for session_id, events in pairs:
        if split == "train" and not is_sampled(session_id, options.sample_fraction):
            counts[f"{split}.sessions_sampled_out"] += 1
            counts[f"{split}.rows_sampled_out"] += len(events)
            continue
        session = order_events(session_id, events, options.drop_immediate_repeats)
        length = len(session.item_ids)
        if length < len(events):
            counts[f"{split}.rows_repeated"] += len(events) - length
        if length < options.min_session_length:
            counts[f"{split}.sessions_too_short"] += 1
            counts[f"{split}.rows_too_short"] += length
            continue
        yield session


def order_events(session_id: bytes, events: Sequence[Event], drop_repeats: bool) -> Session:
    """Orders one session's events by time, then place in the input; drops repeats if asked."""
    ordered = sorted(events)
    start_time = ordered[0][0]
    if drop_repeats:
        ordered = [
            event
            for index, event in enumerate(ordered)
            if index == 0 or event[2] != ordered[index - 1][2]
        ]
    return Session(
        session_id, start_time, [event[2] for event in ordered], [event[0] for event in ordered]
    )


def finish_session(
    session: Session, split: str, options: SessionOptions, counts: Counter[str]
) -> Session:
    """Caps a session that goes to output split `split` (train only) and counts it."""
    longest = options.max_session_length
    cut = len(session.item_ids) - longest if split == "train" and longest is not None else 0
    if cut > 0:
        counts[f"{split}.sessions_capped"] += 1
        counts[f"{split}.rows_capped"] += cut
        session = session._replace(
            item_ids=session.item_ids[cut:], event_times=session.event_times[cut:]
        )
    counts[f"{split}.sessions"] += 1
    counts[f"{split}.rows_kept"] += len(session.item_ids)
    return session


def is_sampled(session_id: bytes, fraction: float) -> bool:
    """Tells whether a session is in the sample; a larger fraction only adds sessions."""
    if fraction >= 1:
        return True
    digest = hashlib.blake2b(session_id, digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < fraction * 2**64


def eval_cut(start_times: Iterable[int], options: SessionOptions) -> int:
    """Finds the start time (ms) from which on sessions of train become split eval.

    With `eval_hours` these are the sessions that start in the last hours before the latest start;
    else the last `eval_fraction` of the sessions, at least one. Sessions that start in the same
    millisecond as the first of these all go to eval.

    >>> eval_cut([5, 1, 3, 4, 2], SessionOptions(eval_fraction=0.4))
    4
    """
    ordered = sorted(start_times)
    if not ordered:
        return 0
    if options.eval_hours is not None:
        return ordered[-1] - int(options.eval_hours * _MS_PER_HOUR) + 1
    held_out = max(1, int(len(ordered) * options.eval_fraction + 0.5))
    return ordered[-held_out]
