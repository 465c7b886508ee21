"""Splits rows into fields, with and without quotes; neither TensorFlow nor Beam here."""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modules.files.characters import strip_blanks

if TYPE_CHECKING:
    from _csv import Dialect

USUAL_DELIMITERS = ("\t", ",", ";", "|")

# What `auto` means for a tab: quotes are ordinary characters, but ids may not be quoted.
LETTERS = "letters"

# Replaces carriage returns, which end a row for Python's reader; UTF-8 has no lone surrogates.
_RETURN = "\udc0d"


def is_enclosed(field: bytes) -> bool:
    """Returns whether a UTF-8 field is quoted, blanks around the quotes aside."""
    if b'"' not in field:
        return False
    field = strip_blanks(field)
    return len(field) > 1 and field[:1] == field[-1:] == b'"'


def delimiter_by_name(path: str) -> str:
    """Returns a comma for names that end in `.csv`, packed or not, else a tab."""
    name = path.lower()
    for end in (".gz", ".gzip", ".bz2", ".xz", ".lzma", ".zst", ".zstd"):
        name = name.removesuffix(end)
    return "," if name.endswith(".csv") else "\t"


def quoting_of(header: bytes, delimiter: str, quoting: str) -> str:
    """Returns how a file's quotes are read: `csv`, `none`, or `letters`.

    `auto` follows CSV except for tabs: no standard defines quotes there, and programs that quote
    ids quote the names in the header as well.
    """
    if quoting != "auto":
        return quoting
    if delimiter != "\t" or any(map(is_enclosed, header.split(b"\t"))):
        return "csv"
    return LETTERS


def csv_fields(text: str, delimiter: str) -> list[str]:
    """Splits a line of CSV; returns an empty list if its quotes fit neither RFC 4180 nor Spark.

    RFC 4180 doubles a quote inside quotes; Spark and MySQL put a backslash before it, which is
    tried if the former fails. Blanks before an opening quote are not part of the field.
    """
    readings = (_read(text, dialect) for dialect in _dialects(text, delimiter))
    return next(filter(None, readings), [])


def _row_fields(text: str, delimiter: str, width: int) -> list[str]:
    """Splits a row as `csv_fields` does, but only if it has `width` fields and closed quotes.

    With an odd number of quotes, a field is not closed, or began on an earlier line.
    """
    for dialect in _dialects(text, delimiter):
        fields = _read(text, dialect)
        quotes = text.count('"') - (_escaped(text) if dialect.escapechar else 0)
        if len(fields) == width and quotes % 2 == 0:
            return fields
    return []


def _dialects(text: str, delimiter: str) -> list[Dialect]:
    """Returns the dialects that a line may be written in."""
    has_escapes = '\\"' in text and delimiter != "\\"
    return [_dialect(delimiter), *([_dialect(delimiter, escapechar="\\")] if has_escapes else [])]


@functools.cache
def _dialect(delimiter: str, escapechar: str | None = None) -> Dialect:
    """Returns a cached dialect, which is faster than keywords for every line."""
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
    except csv.Error:  # an open quote or text after a closing one, or what we accept
        if "\r" in text:
            fields = _read(text.replace("\r", _RETURN), dialect)
            return [field.replace(_RETURN, "\r") for field in fields]
        if len(text) > csv.field_size_limit():
            # Python's default of 128 KiB would refuse rows with a long quoted description.
            csv.field_size_limit(sys.maxsize)
            return _read(text, dialect)
        return []


def row_splitter(
    delimiter: str, quoting: str, width: int, used: Sequence[int]
) -> Callable[[bytes], list[bytes]]:
    """Returns a function that splits a row, UTF-8 without zero bytes, that may hold quotes.

    Args:
      delimiter: one character.
      quoting: result of `quoting_of`.
      width: number of fields in a row.
      used: positions of the fields that may not be quoted if `quoting` is `LETTERS`.

    Returns:
      A function whose result does not have `width` fields if the row is bad.
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
        joined = "\0".join(found)  # encoding once is faster
        fields = joined.encode().split(b"\0")
        # A field keeps its quotes if blanks other than spaces come before them.
        kept = (at for at in used if not fields[at].startswith(b'"')) if '"' in joined else ()
        return [] if any(is_enclosed(fields[at]) for at in kept) else fields

    return split


def lines_of_row(text: bytes, begin: int, delimiter: str, width: int) -> int:
    """Counts the lines of a bad row: line ends may be quoted, and its lines may look like rows.

    It ends with the next line that has an odd number of quotes.

    Args:
      text: whole lines, UTF-8.
      begin: offset of the row in `text`.
      delimiter: one character.
      width: number of fields in a row.

    Returns:
      1 if its quotes are never closed, or all closed on its first line.
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
    """Returns whether a line has an odd number of quotes, escaped by doubling or backslashes."""
    quotes = line.count(b'"')
    return bool(
        quotes % 2 or (b'\\"' in line and (quotes - _escaped(line.decode("utf-8", "replace"))) % 2)
    )


def _escaped(text: str) -> int:
    """Counts the quotes after a backslash that is not itself escaped."""
    return text.replace("\\\\", "").count('\\"')
