"""Reads rows of delimited text; neither TensorFlow nor Beam here.

Works on bytes, so that offsets in the file are known and invalid UTF-8 is detected.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator

from modules.files.characters import BLANKS, BYTE_ORDER_MARK, is_not_utf8, without_marks
from modules.files.row_fields import lines_of_row, row_splitter
from modules.sessions.click_header import Columns
from modules.sessions.concatenated import check_unpacked, is_second_header, rows_of_line
from modules.sessions.event_times import time_to_ms
from modules.sessions.row_checks import (
    Checks,
    Places,
    Rows,
    collect_rows,
    id_check,
    id_cleaner,
)


def parse_rows(
    text: bytes,
    offset: int,
    columns: Columns,
    time_unit: str = "auto",
    kept_types: Collection[bytes] | None = None,
) -> Rows:
    """Parses whole lines of a file, which begin at `offset` in it.

    Skips blank lines, and repeated headers where files were joined.

    Args:
      text: the lines.
      offset: their position in the file.
      columns: the columns to read.
      time_unit: how times are read.
      kept_types: event types that need an item; None for all. A search or a visit of the home page
        has none, and still belongs to a session.

    Raises:
      JoinedFilesError: a file that was joined to this one cannot be read with it.
    """
    rows = Rows([], [], [], [], [], [])
    checks = Checks(
        Places(columns.session, columns.item, columns.time, columns.event, columns.offset),
        # Without a partial function, the usual case is faster.
        time_to_ms if time_unit == "auto" else functools.partial(time_to_ms, unit=time_unit),
        kept_types,
        id_cleaner(text),
        id_check(text),
    )
    is_header = functools.partial(is_second_header, columns=columns)
    collect_rows(_split_rows(text, offset, columns, rows.rejects), rows, checks, is_header)
    return rows


def _split_rows(
    text: bytes, offset: int, columns: Columns, rejects: list[tuple[str, int, bytes]]
) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Yields (offset, line, fields) of each row; adds those that cannot be split to `rejects`."""
    delimiter, width, quoting = columns.delimiter, columns.width, columns.quoting
    split, is_bad_text = _line_splitter(text, columns), _encoding_check(text)
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
        yield start, line, fields


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
    if b'"' in text:
        return row_splitter(columns.delimiter, columns.quoting, columns.width, columns.places())
    raw = columns.delimiter.encode()
    return lambda line: line.split(raw)


# Searches the whole text first, which is fast; returns a function to check single rows only if
# there is something to find.
def _encoding_check(text: bytes) -> Callable[[bytes], bool] | None:
    if b"\0" in text:
        return lambda line: b"\0" in line or is_not_utf8(line)
    return is_not_utf8 if is_not_utf8(text) else None
