"""Reads rows of a click log; neither TensorFlow nor Beam here.

Works on bytes, so that offsets in the file are known and invalid UTF-8 is detected.
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
            "The row is not valid UTF-8, or has a zero byte. If the file has another encoding, "
            f"{WRITE_AS_UTF8}."
        ),
        "field_count": (
            "The row has more or fewer fields than the header: is sessions.delimiter right, and do "
            "lines end in line feeds?"
        ),
        "quotes": (
            "The row has a quote: set sessions.quoting=none if quotes are ordinary characters, or "
            "sessions.quoting=csv if they enclose fields as in CSV. Neither reads line ends in "
            "quotes (replace them by spaces, or leave the column out). In CSV, quotes must be "
            'closed, beside the delimiters, and doubled inside a quoted field, as in 5"".'
        ),
        "empty_id": "The session or item id is empty or blank.",
        "unusable_id": (
            "The session or item id contains a carriage return, or the item id is [PAD], [UNK] or "
            "contains __SPACE__, which the vocabulary cannot store: rename it."
        ),
        "time": "",  # depends on the option
    }
)


class Rows(NamedTuple):
    """Events of a part of a file as four parallel lists, and its bad rows.

    Attributes:
      times: milliseconds since 1970.
      offsets: offset of each row in the file's (uncompressed) text, in bytes.
      rejects: (reason, offset, text) of each bad row.
    """

    session_ids: list[bytes]
    item_ids: list[bytes]
    times: list[int]
    offsets: list[int]
    rejects: list[tuple[str, int, bytes]]


def parse_rows(text: bytes, offset: int, columns: Columns, time_unit: str = "auto") -> Rows:
    """Parses whole lines of a file, which begin at `offset` in it.

    Skips blank lines, and repeated headers where files were joined.

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
    has_marks = BYTE_ORDER_MARK in text  # of files joined, as by `cat`
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
    """Returns the rejects for a bad line, which may hold several rows."""
    return [(reason, *row) for row in rows_of_line(line, offset, columns)]


def _is_blank(line: bytes, delimiter: str) -> bool:
    """Returns whether a line has only blanks that are not the delimiter."""
    return not line.decode().strip(BLANKS.replace(delimiter, ""))


def _lines_in_quotes(text: bytes, begin: int, columns: Columns) -> int:
    """Counts the further lines of a bad row."""
    if columns.quoting != "csv":
        return 0
    return lines_of_row(text, begin, columns.delimiter, columns.width) - 1


def _reject_lines(
    lines: Iterable[bytes], offset: int, rejects: list[tuple[str, int, bytes]], columns: Columns
) -> int:
    """Rejects lines inside quotes, even those that look like rows; returns their end."""
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


# The next three search the whole text first, which is fast, and return a function to check single
# rows only if there is something to find.


def _encoding_check(text: bytes) -> Callable[[bytes], bool] | None:
    if b"\0" in text:
        return lambda line: b"\0" in line or is_not_utf8(line)
    return is_not_utf8 if is_not_utf8(text) else None


def _id_cleaner(text: bytes) -> Callable[[bytes], bytes]:
    """Returns the function that strips blanks off an id."""
    return strip_blanks if may_have_blank_beyond_ascii(text) else bytes.strip


def _id_check(text: bytes) -> Callable[[bytes, bytes], bool] | None:
    """Returns the function that checks whether a session or item id is unusable."""
    returns_inside = text.count(b"\r") != text.count(b"\r\n")
    if not returns_inside and not holds_any(text, SUSPECT_TEXTS):
        return None
    return lambda session_id, item_id: b"\r" in session_id or not vocabulary_holds(item_id)
