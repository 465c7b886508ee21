"""Rows of a click log: header and fields; neither TensorFlow nor Beam here.

Works on bytes, so that a row keeps its place in the file and broken UTF-8 can be told apart.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import NamedTuple

from modules.event_times import time_to_ms
from modules.sessions import SessionDataError, SessionOptions

REJECT_REASONS = ("encoding", "field_count", "empty_id", "time")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


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
    if line.startswith(_UTF16_MARKS):
        raise SessionDataError(f"{path} is UTF-16 text: write it as UTF-8.")
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
                f"names {found}. Mend the header, or set sessions.{option} or "
                "sessions.delimiter."
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
