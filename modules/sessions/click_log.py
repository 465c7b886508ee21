"""Rows of a click log: fields, ids, times; neither TensorFlow nor Beam here.

Works on bytes, so that a row keeps its place in the file and broken UTF-8 can be told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from modules.files.characters import (
    BLANKS,
    BYTE_ORDER_MARK,
    holds_any,
    is_not_utf8,
    may_have_blank_beyond_ascii,
    strip_blanks,
    without_marks,
)
from modules.files.formats import WRITE_AS_UTF8
from modules.files.row_fields import lines_of_row, row_splitter
from modules.sessions.click_header import Columns
from modules.sessions.concatenated import check_unpacked, is_second_header, rows_of_line
from modules.sessions.event_times import time_to_ms
from modules.sessions.item_ids import SUSPECT_TEXTS, vocabulary_holds

# Why a row cannot be used, and how to fix it.
REJECT_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "encoding": (
            "The row is not UTF-8 text, or holds a zero byte. If the file has another encoding, "
            f"{WRITE_AS_UTF8}."
        ),
        "field_count": (
            "The row has more or fewer fields than the header: is sessions.delimiter right, and do "
            "lines end in line feeds?"
        ),
        "quotes": (
            "A quote in the row: set sessions.quoting=none if quotes are letters like all others, "
            "or sessions.quoting=csv if they enclose fields as in CSV. Neither can read a line end "
            "inside quotes (write a space for it, or leave the column out); CSV wants quotes right "
            'beside the delimiters, closed, and inches (") doubled in a field in quotes.'
        ),
        "empty_id": "The session or item id is empty or blank.",
        "unusable_id": (
            "The session or item id has a carriage return inside, or the item id is [PAD], [UNK] "
            "or holds __SPACE__, which the vocabulary cannot hold: rename it."
        ),
        "time": "",  # depends on the option
    }
)


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
    """Parses whole lines of a file; `offset` is where they begin in it.

    Blank lines are no rows, nor is the header again, where files were joined.

    Raises:
      JoinedFilesError: a file that was joined to this one cannot be read with it.
    """
    rows = Rows([], [], [], [], [])
    session_ids, item_ids, times, offsets, rejects = rows
    delimiter, width, session, item, time, quoting, _ = columns
    split = _line_splitter(text, columns)
    is_bad_text, clean, is_unusable = _encoding_check(text), _id_cleaner(text), _id_check(text)
    if is_bad_text is not None:
        check_unpacked(text, offset)
    has_returns, has_quotes = b"\r" in text, b'"' in text and quoting != "none"
    has_marks = BYTE_ORDER_MARK in text  # files that were joined, as by `cat`
    lines, first = iter(text.split(b"\n")), offset
    for line in lines:
        start = offset
        offset += len(line) + 1
        if has_returns:
            line = line.rstrip(b"\r")
        if has_marks:
            line = without_marks(line)
        if not line:
            continue
        if is_bad_text is not None and is_bad_text(line):
            rejects += _rejects_of(line, start, "encoding", columns)
            continue
        fields = split(line)
        if len(fields) != width:
            if has_quotes and b'"' in line:
                rejects += _rejects_of(line, start, "quotes", columns)
                count = _lines_in_quotes(text, start - first, columns)
                offset = _reject_lines(itertools.islice(lines, count), offset, rejects, columns)
            elif not (_is_blank(line, delimiter) or is_second_header(fields, line, start, columns)):
                rejects += _rejects_of(line, start, "field_count", columns)
            continue
        session_id, item_id = clean(fields[session]), clean(fields[item])
        if not session_id or not item_id:
            if not is_second_header(fields, line, start, columns):
                rejects.append(("empty_id", start, line))
            continue
        if is_unusable is not None and is_unusable(session_id, item_id):
            rejects.append(("unusable_id", start, line))
            continue
        event_time = time_to_ms(fields[time], time_unit)
        if event_time is None:  # blanks beyond ASCII around it are rare
            event_time = time_to_ms(clean(fields[time]), time_unit)
        if event_time is None:
            if not is_second_header(fields, line, start, columns):
                rejects.append(("time", start, line))
            continue
        session_ids.append(session_id)
        item_ids.append(item_id)
        times.append(event_time)
        offsets.append(start)
    return rows


def _rejects_of(
    line: bytes, offset: int, reason: str, columns: Columns
) -> list[tuple[str, int, bytes]]:
    """Returns a line that is not one row of the file as rejects: it may hold several."""
    return [(reason, *row) for row in rows_of_line(line, offset, columns)]


def _is_blank(line: bytes, delimiter: str) -> bool:
    """Returns whether a line has nothing but blanks, which separate no fields."""
    return not line.decode().strip(BLANKS.replace(delimiter, ""))


def _lines_in_quotes(text: bytes, begin: int, columns: Columns) -> int:
    """Counts the lines that belong to the bad row before them."""
    if columns.quoting != "csv":
        return 0
    return lines_of_row(text, begin, columns.delimiter, columns.width) - 1


def _reject_lines(
    lines: Iterable[bytes], offset: int, rejects: list[tuple[str, int, bytes]], columns: Columns
) -> int:
    """Rejects lines inside quotes, also those that look like rows; returns where they end."""
    for line in lines:
        if line.strip():
            rejects += _rejects_of(line.rstrip(b"\r"), offset, "quotes", columns)
        offset += len(line) + 1
    return offset


def _line_splitter(text: bytes, columns: Columns) -> Callable[[bytes], list[bytes]]:
    delimiter, width, *used, quoting, _ = columns
    if b'"' in text:
        return row_splitter(delimiter, quoting, width, used)
    raw = delimiter.encode()
    return lambda line: line.split(raw)


# The next three look at the whole text first, in a few fast searches, and return what looks at
# single rows only where there is something to find.


def _encoding_check(text: bytes) -> Callable[[bytes], bool] | None:
    if b"\0" in text:
        return lambda line: b"\0" in line or is_not_utf8(line)
    return is_not_utf8 if is_not_utf8(text) else None


def _id_cleaner(text: bytes) -> Callable[[bytes], bytes]:
    """Returns the function that takes blanks off an id: padding is no part of it."""
    return strip_blanks if may_have_blank_beyond_ascii(text) else bytes.strip


def _id_check(text: bytes) -> Callable[[bytes, bytes], bool] | None:
    """Returns the function that tells whether a session or an item id cannot be used."""
    returns_inside = text.count(b"\r") != text.count(b"\r\n")
    if not returns_inside and not holds_any(text, SUSPECT_TEXTS):
        return None
    return lambda session_id, item_id: b"\r" in session_id or not vocabulary_holds(item_id)
