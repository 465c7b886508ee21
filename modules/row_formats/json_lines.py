"""JSON lines: an object a line, an event each, or a session with a list of events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import orjson

from modules.config.options.sessions import SessionOptions
from modules.files.characters import is_not_utf8, without_marks
from modules.messages.quoting import quote
from modules.row_formats.byte_ranges import ranges, read_lines, text_ratio
from modules.row_formats.parts import PIECE_BYTES, open_text
from modules.row_formats.records import (
    EventReader,
    Paths,
    RawEvent,
    Reject,
    check_names,
    getter,
    names_in,
    paths_of,
    rows_of_events,
)
from modules.row_formats.values import Number
from modules.sessions.concatenated import check_unpacked
from modules.sessions.row_checks import Rows
from modules.sessions.sessions import SessionDataError

_SAMPLE_BYTES, _SAMPLE_LINES = 1 << 20, 1000
# Python's garbage collector looks at all records that are held: few are fast.
_LINES_AT_ONCE = 2000
_LONGEST_LINE = 64 << 20  # of the sample


class LinesPart(NamedTuple):
    """The lines that begin in [start, end)."""

    codec: str
    start: int
    end: int
    counted: str = "byte"

    def read(
        self, path: str, options: SessionOptions, block_bytes: int = PIECE_BYTES
    ) -> Iterator[Rows]:
        """Yields the rows of the part, block by block."""
        paths = paths_of(options)
        for offset, text in read_lines(path, self.codec, self.start, self.end, block_bytes):
            yield parse_lines(text, offset, paths, options)


class JsonLines(NamedTuple):
    """A file of JSON lines.

    Attributes:
      codec: its compression, "" for none.
      ratio: bytes of text for one of the file, about.
    """

    codec: str
    ratio: float = 1.0

    def text_bytes(self, length: int) -> int:
        """Estimates how long the uncompressed text is."""
        return int(length * self.ratio)

    def parts(self, length: int, piece_bytes: int) -> Iterator[LinesPart]:
        """Cuts the file into ranges of bytes."""
        for start, end in ranges(0, length, self.codec, piece_bytes, self.ratio):
            yield LinesPart(self.codec, start, end)


def is_json(sample: bytes) -> bool:
    """Returns whether a file that begins with `sample` is meant as JSON lines."""
    return without_marks(sample).lstrip()[:1] == b"{"


def inspect_lines(path: str, codec: str, options: SessionOptions) -> JsonLines:
    """Looks for the columns in a file's first lines.

    Raises:
      SessionDataError: none of the lines is an object, or none has a column.
      BrokenFileError: the file is compressed and damaged.
    """
    with open_text(path, codec) as text:
        lines = _sample(text)
    records = [record for record in map(_record_of, lines) if record is not None]
    if not records:
        raise SessionDataError(
            f"{path} looks like JSON, but its first line is not an object: {quote(lines[0])}. "
            "Write each event as an object on a line of its own, for example with: "
            "jq -c . FILE > NEW"
        )
    paths = paths_of(options)
    found = dict.fromkeys(name for record in records for name in names_in(record))
    missing = _missing(records, paths)
    where = f"its first {len(lines):,} lines have" if len(lines) > 1 else "its first line has"
    check_names(path, found, missing, options, where)
    return JsonLines(codec, text_ratio(path, codec))


def _sample(text: IO[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    while size < _SAMPLE_BYTES and len(lines) < _SAMPLE_LINES:
        line = text.readline(_LONGEST_LINE)
        if not line:
            break
        size += len(line)
        if line := without_marks(line).strip():
            lines.append(line)
    return lines


def _missing(records: list[dict[str, Any]], paths: Paths) -> list[str]:
    def has(name: str, inside: list[dict[str, Any]]) -> bool:
        return any(_holds(record, name) for record in inside)

    if paths.events is None:
        return [name for name in (paths.session, *paths.event) if not has(name, records)]
    missing = [name for name in (paths.session, paths.events) if not has(name, records)]
    get = getter(paths.events)
    lists = [found for record in records if isinstance(found := get(record), list)]
    inside = [event for events in lists for event in events if isinstance(event, dict)]
    if paths.events not in missing and inside:
        missing += [f"{paths.events}.{name}" for name in paths.event if not has(name, inside)]
    return missing


def _holds(record: Any, name: str) -> bool:
    if name in record:
        return True
    *keys, last = name.split(".")
    for key in keys:
        record = record.get(key)
        if not isinstance(record, dict):
            return False
    return last in record


def _record_of(line: bytes) -> dict[str, Any] | None:
    """Returns the object of a line, None if it is not one."""
    try:
        record = orjson.loads(line)
    except (orjson.JSONDecodeError, RecursionError):
        return _exact(line)  # orjson refuses numbers that are no float, and half surrogates
    return record if type(record) is dict else None


def _exact(line: bytes) -> dict[str, Any] | None:
    """Returns the object of a line with its numbers as they are written, None if it is not one."""
    try:
        text = line.decode()
        record = json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None
    return record if type(record) is dict else None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_lines(text: bytes, offset: int, paths: Paths, options: SessionOptions) -> Rows:
    """Parses whole lines of a file, which begin at `offset` in it.

    Raises:
      JoinedFilesError: a compressed file was joined to this one.
    """
    if is_not_utf8(text):
        check_unpacked(text, offset)
    reader, lines = EventReader(paths), iter(text.split(b"\n"))
    rows = Rows([], [], [], [], [], [])
    while some := [*itertools.islice(lines, _LINES_AT_ONCE)]:
        events, rejects = _events_of(some, offset, reader)
        rows.extend(rows_of_events(events, paths, options, rejects))
        offset += sum(map(len, some)) + len(some)
    return rows


def _events_of(
    lines: list[bytes], offset: int, reader: EventReader
) -> tuple[list[RawEvent], list[Reject]]:
    """Returns the events of lines, the first of which begins at `offset`, and what is none."""
    events: list[RawEvent] = []
    rejects: list[Reject] = []
    for whole in lines:
        start = offset
        offset += len(whole) + 1
        line = without_marks(whole.strip())
        if not line:
            continue
        record = _record_of(line)
        found = [] if record is None else reader.read(start, record, line, rejects)
        if _has_float(found):
            record = _exact(line)
            found = [] if record is None else reader.read(start, record, line, [])
        if record is None:
            reason = "encoding" if b"\0" in line or is_not_utf8(line) else "json"
            rejects.append((reason, start, line))
        events += found
    return events, rejects


def _has_float(events: list[RawEvent]) -> bool:
    """Returns whether an id is a float: a whole number of more than 64 bits is read as one."""
    for _, (session, item, _, *others), _ in events:
        if type(session) is float or type(item) is float:
            return True
        if others and any(type(each) is float for each in others):
            return True
    return False
