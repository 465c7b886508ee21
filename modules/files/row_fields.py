"""Fields of a row and the quotes around them; neither TensorFlow nor Beam here."""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modules.files.characters import strip_blanks

if TYPE_CHECKING:
    from _csv import Dialect

# What `auto` means for a tab: quotes are letters, but an id may not stand in them.
LETTERS = "letters"

# Stands for a carriage return, which Python's reader takes for the end of a row: no UTF-8 text
# decodes to half a surrogate pair.
_RETURN = "\udc0d"


def is_enclosed(field: bytes) -> bool:
    """Returns whether a field, UTF-8, stands in quotes as a whole, but for blanks around it."""
    if b'"' not in field:
        return False
    field = strip_blanks(field)
    return len(field) > 1 and field[:1] == field[-1:] == b'"'


def quoting_of(header: bytes, delimiter: str, quoting: str) -> str:
    """Returns how a file's quotes are read: `csv`, `none`, or `letters`.

    Args:
      header: the file's first line.
      delimiter: of the file.
      quoting: the option. `auto` follows CSV, except where tabs separate the fields: nothing
        defines quotes there, and those who write some around ids write them around names as well.
    """
    if quoting != "auto":
        return quoting
    if delimiter != "\t" or any(map(is_enclosed, header.split(b"\t"))):
        return "csv"
    return LETTERS


def csv_fields(text: str, delimiter: str) -> list[str]:
    """Splits a line as CSV, empty if its quotes fit neither RFC 4180 nor Spark.

    RFC 4180 doubles a quote inside quotes; Spark and MySQL put a backslash before it. The second
    reading is tried where the first one fails. Blanks before a quote that opens a field are not
    part of it.

    Args:
      text: of the line.
      delimiter: one character.
    """
    readings = (_read(text, dialect) for dialect in _dialects(text, delimiter))
    return next(filter(None, readings), [])


def _row_fields(text: str, delimiter: str, width: int) -> list[str]:
    """Splits a row as `csv_fields` does, empty if no reading has `width` fields and closed quotes.

    An odd number of quotes is a field that is not closed, or the end of one that began on an
    earlier line: what stands before it would be taken for an event.
    """
    for dialect in _dialects(text, delimiter):
        fields = _read(text, dialect)
        quotes = text.count('"') - (_escaped(text) if dialect.escapechar else 0)
        if len(fields) == width and quotes % 2 == 0:
            return fields
    return []


def _dialects(text: str, delimiter: str) -> list[Dialect]:
    """Returns the readings that a line may have."""
    has_escapes = '\\"' in text and delimiter != "\\"
    return [_dialect(delimiter), *([_dialect(delimiter, escapechar="\\")] if has_escapes else [])]


@functools.cache
def _dialect(delimiter: str, escapechar: str | None = None) -> Dialect:
    """Returns Python's own object for a way to read: keywords each time take longer."""
    return csv.reader(
        [],
        delimiter=delimiter,
        escapechar=escapechar,
        doublequote=escapechar is None,
        skipinitialspace=delimiter != " ",
        strict=True,
    ).dialect


def _read(text: str, dialect: Dialect) -> list[str]:
    try:
        return next(csv.reader([text], dialect), [])
    except csv.Error:  # an open quote, or text behind a closing one; or what is none to us
        if "\r" in text:
            fields = _read(text.replace("\r", _RETURN), dialect)
            return [field.replace(_RETURN, "\r") for field in fields]
        if len(text) > csv.field_size_limit():
            # Python's own limit of 128 KiB would refuse rows with a long description in quotes.
            csv.field_size_limit(sys.maxsize)
            return _read(text, dialect)
        return []


def row_splitter(
    delimiter: str, quoting: str, width: int, used: Sequence[int]
) -> Callable[[bytes], list[bytes]]:
    """Returns the function that splits rows which may hold quotes.

    Args:
      delimiter: one character.
      quoting: from `quoting_of`.
      width: fields of a row.
      used: fields that may not stand in quotes where quotes are letters by default.

    Returns:
      A function of a row, UTF-8 without zero bytes; what it returns has not `width` fields if the
      row cannot be used.
    """
    raw = delimiter.encode()

    def split_letters(line: bytes) -> list[bytes]:
        fields = line.split(raw)
        if b'"' in line and len(fields) == width and any(is_enclosed(fields[at]) for at in used):
            return []
        return fields

    if quoting == "csv":
        return _csv_splitter(delimiter, width, used)
    return split_letters if quoting == LETTERS else lambda line: line.split(raw)


def _csv_splitter(
    delimiter: str, width: int, used: Sequence[int]
) -> Callable[[bytes], list[bytes]]:
    raw, usual = delimiter.encode(), _dialect(delimiter)

    def split(line: bytes) -> list[bytes]:
        if b'"' not in line:
            return line.split(raw)
        text = line.decode()
        found = _read(text, usual)
        if len(found) != width or line.count(b'"') % 2:
            found = _row_fields(text, delimiter, width)
            if not found:
                return []
        joined = "\0".join(found)  # all at once: faster than one by one
        fields = joined.encode().split(b"\0")
        for at in used if '"' in joined else ():
            if b'"' in fields[at] and _opens_with_other_blanks(fields[at]):
                return []
        return fields

    return split


def _opens_with_other_blanks(field: bytes) -> bool:
    """Returns whether a field of CSV kept its quotes, as blanks other than spaces open it."""
    return not field.startswith(b'"') and is_enclosed(field)


def lines_of_row(text: bytes, begin: int, delimiter: str, width: int) -> int:
    """Counts the lines of a row that cannot be read by itself: line ends may stand in quotes.

    Its lines could look like rows themselves. It ends with the next line that has an odd number of
    quotes.

    Args:
      text: UTF-8.
      begin: where the row does.
      delimiter: one character.
      width: fields of a row.

    Returns:
      1 if its quotes are not closed on any line, or they are all closed on its first.
    """
    end, lines = _end_of_line(text, begin), 1
    if not _has_open_quote(text[begin:end]):
        return 1
    while end < len(text):
        next_line, end = end + 1, _end_of_line(text, end + 1)
        lines += 1
        if _has_open_quote(text[next_line:end]):
            row = text[begin:end].rstrip(b"\r").decode("utf-8", "replace")
            return lines if _row_fields(row, delimiter, width) else 1
    return 1


def _end_of_line(text: bytes, begin: int) -> int:
    end = text.find(b"\n", begin)
    return end if end >= 0 else len(text)


def _has_open_quote(line: bytes) -> bool:
    """Returns whether a line opens or closes quotes alone, doubled or behind backslashes."""
    quotes = line.count(b'"')
    return bool(
        quotes % 2 or (b'\\"' in line and (quotes - _escaped(line.decode("utf-8", "replace"))) % 2)
    )


def _escaped(text: str) -> int:
    """Counts the quotes behind a backslash that has none before it itself."""
    return text.replace("\\\\", "").count('\\"')
