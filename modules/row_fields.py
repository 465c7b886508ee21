"""Fields of a row and the quotes around them; neither TensorFlow nor Beam here."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from typing import Any

QUOTING = ("auto", "csv", "none")
# What `auto` means for a tab: quotes are letters, but an id may not stand in them.
LETTERS = "letters"

# Python's own limit of 128 KiB would refuse rows with a long description in quotes.
csv.field_size_limit(sys.maxsize)


def is_enclosed(field: bytes) -> bool:
    """Returns whether a field stands in quotes as a whole."""
    field = field.strip()
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


def csv_fields(text: str, delimiter: str, width: int | None = None) -> list[str]:
    """Splits a line as CSV, empty if its quotes fit neither RFC 4180 nor Spark.

    RFC 4180 doubles a quote inside quotes; Spark and MySQL put a backslash before it. The second
    reading is tried where the first one fails.

    Args:
      text: of the line.
      delimiter: one character.
      width: fields that the line must have; None for any number.
    """
    try:
        fields = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:  # an open quote, or text behind a closing one
        fields = []
    if (
        delimiter != "\\"
        and '\\"' in text
        and (not fields or (width is not None and len(fields) != width))
    ):
        return _backslash_fields(text, delimiter)
    return fields


def _backslash_fields(text: str, delimiter: str) -> list[str]:
    dialect: dict[str, Any] = {"escapechar": "\\", "doublequote": False, "strict": True}
    try:
        return next(csv.reader([text], delimiter=delimiter, **dialect), [])
    except csv.Error:
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
      A function of a row, UTF-8; what it returns has not `width` fields if the row cannot be used.
    """
    raw = delimiter.encode()

    def split_csv(line: bytes) -> list[bytes]:
        if b'"' not in line:
            return line.split(raw)
        return [field.encode() for field in csv_fields(line.decode(), delimiter, width)]

    def split_letters(line: bytes) -> list[bytes]:
        fields = line.split(raw)
        if b'"' in line and len(fields) == width and any(is_enclosed(fields[at]) for at in used):
            return []
        return fields

    if quoting == "none":
        return lambda line: line.split(raw)
    return split_csv if quoting == "csv" else split_letters
