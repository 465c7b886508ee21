"""The columns of a click log, from its first line; neither TensorFlow nor Beam here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modules.config.options.sessions import SessionOptions
from modules.files.characters import BLANKS, is_not_utf8, without_marks
from modules.files.formats import USE_LINE_FEEDS, WRITE_AS_UTF8, is_binary, what_is_wrong
from modules.files.row_fields import USUAL_DELIMITERS, csv_fields, is_enclosed, quoting_of
from modules.files.row_fields import delimiter_by_name as _delimiter_by_name
from modules.messages.quoting import quote
from modules.sessions.event_times import time_to_ms
from modules.sessions.sessions import SessionDataError


class Columns(NamedTuple):
    """Layout of a file's rows; positions count fields from 0.

    `names` are those of the session, the item and the time column, and of those with the event
    type and the time's offset if they are read. `session` is the visitor's column where sessions
    are cut from visitors.
    """

    delimiter: str
    width: int
    session: int
    item: int
    time: int
    quoting: str
    names: tuple[bytes, ...] = ()
    event: int | None = None
    offset: int | None = None

    def places(self) -> tuple[int, ...]:
        """Returns the positions of the columns that are read, in the order of `names`."""
        used = (self.session, self.item, self.time)
        return (*used, *(at for at in (self.event, self.offset) if at is not None))

    def names_as_text(self) -> list[str]:
        """Returns the names of the columns that are read."""
        return [name.decode() for name in self.names]


def read_header(line: bytes, path: str, options: SessionOptions) -> Columns:
    """Finds the columns in a file's first line, as returned by `check_text`.

    Raises:
      SessionDataError: a column is missing or repeated.
    """
    delimiter = options.delimiter or _delimiter_by_name(path)
    quoting = quoting_of(line, delimiter, options.quoting)
    names = _names(line, delimiter, quoting)
    for option in options.column_options():
        if names.count(getattr(options, option)) != 1:
            raise SessionDataError(_no_column(line, path, names, option, options, delimiter))
    return _columns(names, options, delimiter, quoting)


def _columns(
    names: Sequence[str], options: SessionOptions, delimiter: str, quoting: str
) -> Columns:
    where = {option: names.index(getattr(options, option)) for option in options.column_options()}
    session, item, time, *_ = where.values()
    used = tuple(names[at].encode() for at in where.values())
    more = where.get("event_column"), where.get("time_offset_column")
    return Columns(delimiter, len(names), session, item, time, quoting, used, *more)


def columns_without_header(line: bytes, path: str, options: SessionOptions) -> Columns:
    """Returns the columns that `sessions.columns` names; `line` is the first row of the file.

    Raises:
      SessionDataError: the row has another number of fields, or looks like a header.
    """
    names = options.columns or ()
    delimiter = options.delimiter or _delimiter_by_name(path)
    quoting = quoting_of(line, delimiter, options.quoting)
    columns = _columns(names, options, delimiter, quoting)
    fields = _names(line, delimiter, quoting)
    if len(fields) != len(names):
        others = (
            other for other in USUAL_DELIMITERS if len(_names(line, other, "csv")) == len(names)
        )
        fix = next((f"set sessions.delimiter to {other!r}" for other in others), "correct one")
        raise SessionDataError(
            f"{path} has a first line of {len(fields)} fields, split at {delimiter!r}, and "
            f"sessions.columns names {len(names)}: {quote(line)}; {fix}."
        )
    used = {name.casefold() for name in columns.names_as_text()}
    is_time = time_to_ms(fields[columns.time].encode(), options.time_unit) is not None
    if used <= {field.casefold() for field in fields} or not (
        is_time or any(character.isdigit() for character in line.decode("utf-8", "replace"))
    ):
        raise SessionDataError(
            f"{path} has a first line that looks like a header: {quote(line)}. Set "
            "sessions.columns=null if each file's first line names the columns, else remove it."
        )
    return columns


def check_text(line: bytes, path: str) -> bytes:
    """Returns a file's first line without byte-order marks and line end.

    Raises:
      SessionDataError: it is binary, or ends in a carriage return alone.
    """
    line = without_marks(line)
    problem = what_is_wrong(line)
    if problem:
        raise SessionDataError(f"{path} {problem}.")
    line = line.rstrip(b"\r\n")
    if b"\r" in line:
        raise SessionDataError(
            f"{path} has lines that end in a carriage return alone, as on old Macs: "
            f"{USE_LINE_FEEDS}."
        )
    return line


def _names(line: bytes, delimiter: str, quoting: str) -> list[str]:
    text = line.decode("utf-8", "backslashreplace")
    names = csv_fields(text, delimiter) if quoting == "csv" else text.split(delimiter)
    return [name.strip(BLANKS) for name in names]


def _no_column(
    line: bytes, path: str, names: list[str], option: str, options: SessionOptions, delimiter: str
) -> str:
    """Returns the message about a missing or repeated column."""
    wanted = getattr(options, option)
    number = "no" if wanted not in names else "more than one"
    missing = [name for name in options.column_options() if getattr(options, name) not in names]
    unknown = missing if number == "no" else [option]
    columns = " and no column ".join(repr(getattr(options, name)) for name in unknown)
    found = ", ".join(quote(name, 50) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if not names:
        found = f"nothing, since its quotes are not valid CSV: {quote(line)}"
    hint = _header_hint(line, names, wanted, options, delimiter) if number == "no" else ""
    if hint:  # Its cause is another one than a name.
        columns = repr(wanted)
    text = (
        f"{path} has {number} column {columns}: its first line, split at {delimiter!r}, "
        f"names {found}. "
    )
    keys = ", ".join(f"sessions.{name}" for name in unknown)
    if hint:
        return text + hint
    if "session_column" in missing:
        text += "If the log has visitors instead of sessions, set sessions.visitor_column. "
    return f"{text}Correct the header, or set {keys} or sessions.delimiter."


def _header_hint(
    line: bytes, names: list[str], wanted: str, options: SessionOptions, delimiter: str
) -> str:
    """Returns how to fix a header, "" if there is no evident cause."""
    columns = {getattr(options, name) for name in options.column_options()}
    for other in USUAL_DELIMITERS:
        if columns <= set(_names(line, other, "csv")):
            return f"Split at {other!r} it names all columns: set sessions.delimiter to it."
    if is_not_utf8(line):
        if is_binary(line):
            return "It is not text: write its rows as CSV or TSV text."
        return f"It is not UTF-8: {WRITE_AS_UTF8}."
    if line[:4].lower() == b"sep=":
        return "It is Excel's separator line: delete it."
    start = line.lstrip()[:1]
    if start == b"[":
        return "It looks like a JSON array: write one object a line, with: jq -c '.[]' FILE > NEW."
    if start == b"<":
        return "It looks like HTML or XML: write its rows as CSV or TSV text."
    if any(is_enclosed(name.encode()) for name in names):
        if quoting_of(line, delimiter, options.quoting) != "csv":
            return "Its names are quoted: set sessions.quoting=csv."
        return "Some names have quotes inside quotes, or blanks other than spaces before them."
    if wanted.casefold() in map(str.casefold, names):
        return "Names are case-sensitive."
    return ""
