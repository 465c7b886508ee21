"""Records of typed formats, objects with values by name, as rows of a click log."""

from __future__ import annotations

import base64
import functools
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modules.config.options.sessions import SessionOptions
from modules.files.characters import is_not_utf8
from modules.messages.quoting import quote
from modules.row_formats.values import id_of, in_range, time_of
from modules.sessions.event_times import time_to_ms
from modules.sessions.item_ids import vocabulary_holds
from modules.sessions.row_checks import Checks, Places, Rows, collect_rows, id_check, id_cleaner
from modules.sessions.sessions import SessionDataError

# Any value of no id's type: where a path leads through something that is no object.
_NO_OBJECT = ()
_NAMES_SHOWN = 20


Reject = tuple[str, int, bytes]
"""Reason, offset and text of a bad row."""
RawEvent = tuple[int, tuple[Any, ...], Any]
"""An event as it is in a file: its offset, its values in the order of `Paths`, and its source, from
which a reject's text is made: bytes, a record, or a tuple of the values."""
Column = Sequence[Any]
"""Values of some events: bytes, or None for one of a wrong type; a time may be an int, in ms."""


class Paths(NamedTuple):
    """Names of the columns that are read.

    Attributes:
      session: of the session or visitor.
      event: of item, time, and, if they are read, event type and time's offset.
      events: of the list that holds events; None if each record is one.
      has_type: whether the third of `event` is the event type.
    """

    session: str
    event: tuple[str, ...]
    events: str | None
    has_type: bool

    def places(self) -> Places:
        """Returns the positions of the values in a row."""
        offset = 3 + self.has_type if len(self.event) > 2 + self.has_type else None
        return Places(0, 1, 2, 3 if self.has_type else None, offset)

    def are_times(self) -> tuple[bool, ...]:
        """Returns, for each value of a row, whether it is a time or a time's offset, not an id."""
        places = self.places()
        return tuple(at in (places.time, places.offset) for at in range(1 + len(self.event)))

    def full_names(self) -> tuple[str, ...]:
        """Returns the names as a table of the file's columns has them."""
        if self.events is None:
            return (self.session, *self.event)
        return (self.session, *(f"{self.events}.{name}" for name in self.event))


def paths_of(options: SessionOptions) -> Paths:
    """Returns the columns that the options name."""
    session, *event = (getattr(options, name) for name in options.column_options())
    events = options.events_column if options.layout == "nested" else None
    return Paths(session, tuple(event), events, options.event_column is not None)


def getter(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """Returns the function that takes a value from a record; dots lead into nested ones.

    A value whose name really has the dots comes first.

    >>> get = getter("event.item.id")
    >>> get({"event": {"item": {"id": 7}}}), get({"event.item.id": 8}), get({"event": None})
    (7, 8, None)
    """
    if "." not in name:
        return lambda record: record.get(name)
    keys = name.split(".")

    def get(record: Any) -> Any:
        if name in record:
            return record[name]
        for key in keys:
            if record is None:
                return None
            if not isinstance(record, dict):
                return _NO_OBJECT
            record = record.get(key)
        return record

    return get


class EventReader:
    """Takes the events out of records."""

    def __init__(self, paths: Paths) -> None:
        """Stores how to find the values."""
        self._paths = paths
        self._session = getter(paths.session)
        self._events = None if paths.events is None else getter(paths.events)
        self._values = [getter(name) for name in paths.event]

    def read(
        self, offset: int, record: Mapping[str, Any], source: Any, rejects: list[Reject]
    ) -> list[RawEvent]:
        """Returns the events of a record; adds what is no event to `rejects`.

        Args:
          offset: that of the record; its n-th event has n more.
          record: an object with values by name.
          source: what shows an event that is the whole record.
          rejects: gets a record without a list, and what is no object in a list.
        """
        session_id = self._session(record)
        if self._events is None:
            return [(offset, (session_id, *[get(record) for get in self._values]), source)]
        inside = self._events(record)
        if not isinstance(inside, (list, tuple)):
            rejects.append(("type", offset, record_text(source)))
            return []
        found: list[RawEvent] = []
        for at, event in enumerate(inside, offset):
            if event is None:
                event = {}  # each of its values is missing, as in a format with columns
            if isinstance(event, dict):
                values = (session_id, *[get(event) for get in self._values])
                found.append((at, values, values))
            else:
                rejects.append(("type", at, record_text(event)))
        return found


def rows_of_events(
    events: Sequence[RawEvent],
    paths: Paths,
    options: SessionOptions,
    rejects: Iterable[Reject] = (),
) -> Rows:
    """Checks events as those of text are checked, and returns them as rows.

    Args:
      events: the events of a part of a file, with values of any type.
      paths: the columns that they come from.
      options: how times are read, and which types are kept.
      rejects: what was rejected in this part before.
    """
    columns = [
        [(time_of if is_time else id_of)(values[at]) for _, values, _ in events]
        for at, is_time in enumerate(paths.are_times())
    ]
    offsets, sources = [each[0] for each in events], [each[2] for each in events]
    return rows_of_columns(offsets, sources, columns, paths, options, rejects)


def rows_of_columns(
    offsets: Iterable[int],
    sources: Iterable[Any],
    columns: Sequence[Column],
    paths: Paths,
    options: SessionOptions,
    rejects: Iterable[Reject] = (),
    text_of: Callable[[Any], bytes] | None = None,
) -> Rows:
    """Returns rows as `rows_of_events` does, of values that are bytes already.

    `text_of` returns the text of a source.
    """
    rows = Rows([], [], [], [], [], [])
    rows.rejects.extend(rejects)
    text_of = text_of or functools.partial(_source_text, names=paths.full_names())
    events = [*zip(offsets, sources, zip(*columns, strict=True), strict=False)]
    texts = [value for column in columns for value in _bytes_of(column)]
    joined = b"\n".join(texts)
    # As in text: what is rare is searched for in all rows at once.
    if any(None in column for column in columns):
        events = _without(events, "type", lambda fields: None in fields, rows.rejects, text_of)
    if _is_bad_text(joined):
        events = _without(events, "encoding", _holds_bad_text, rows.rejects, text_of)
    odd = id_check(joined)
    if odd is not None or joined.count(b"\n") >= max(1, len(texts)):
        odd = _is_unusable  # text has no line feed inside an id
    unit = options.time_unit

    def to_ms(value: bytes | int) -> int | None:
        return time_to_ms(value, unit) if isinstance(value, bytes) else in_range(value)

    checks = Checks(paths.places(), to_ms, options.kept_types(), id_cleaner(joined), odd)
    collect_rows(events, rows, checks, text_of=text_of)
    rows.rejects.sort(key=lambda reject: reject[1])
    return rows


def _bytes_of(column: Column) -> Column:
    return [value for value in column if type(value) is bytes]


def _without(
    events: list[tuple[int, Any, Any]],
    reason: str,
    is_bad: Callable[[Sequence[Any]], bool],
    rejects: list[Reject],
    text_of: Callable[[Any], bytes],
) -> list[tuple[int, Any, Any]]:
    """Returns the events whose fields are not bad; adds the others to `rejects`."""
    bad = [is_bad(fields) for _, _, fields in events]
    rejects.extend(
        (reason, offset, text_of(source)) for offset, source, _ in itertools.compress(events, bad)
    )
    return [event for event, one in zip(events, bad, strict=True) if not one]


def _holds_bad_text(fields: Sequence[Any]) -> bool:
    return any(_is_bad_text(field) for field in fields if type(field) is bytes)


def _is_bad_text(text: bytes) -> bool:
    return b"\0" in text or is_not_utf8(text)


def _is_unusable(session_id: bytes, item_id: bytes) -> bool:
    ends = (b"\n", b"\r")
    return any(end in session_id for end in ends) or not vocabulary_holds(item_id)


def _source_text(source: Any, names: Sequence[str]) -> bytes:
    if isinstance(source, tuple):
        source = dict(zip(names, source, strict=True))
    return record_text(source)


def record_text(record: Any) -> bytes:
    """Returns a record as a line of JSON, for people."""
    if isinstance(record, bytes):
        return record
    text = json.dumps(record, ensure_ascii=False, default=_other_text)
    return text.encode("utf-8", "surrogatepass")


def _other_text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(value).decode()
    return str(value)


def names_in(record: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yields the names of a record's values, nested ones with dots."""
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from names_in(value, f"{before}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from names_in(value[0], f"{before}{name}.")
        else:
            yield f"{before}{name}"


def check_names(
    path: str, found: Collection[str], missing: Sequence[str], options: SessionOptions, where: str
) -> None:
    """Raises SessionDataError if a column is missing.

    Args:
      path: the file.
      found: names of the columns that are there.
      missing: full names of the columns that are not.
      options: the names of the columns.
      where: what was looked at, such as `its first 1,000 lines`.
    """
    if not missing:
        return
    shown = [*found][:_NAMES_SHOWN]
    listed = ", ".join(quote(name, 50) for name in shown)
    listed += ", ..." if len(found) > len(shown) else ""
    columns = " and no column ".join(map(repr, missing))
    by_name = dict(zip(paths_of(options).full_names(), options.column_options(), strict=True))
    keys = [f"sessions.{by_name.get(name, 'events_column')}" for name in missing]
    hint = ""
    if keys[0] == "sessions.session_column":
        hint = "If the log has visitors instead of sessions, set sessions.visitor_column. "
    spelled = {name.casefold() for name in found}
    if any(name in found for name in missing):
        hint = "A list holds it: for one session per row, set sessions.layout=nested. "
    elif any(name.casefold() in spelled for name in missing):
        hint = "Names are case-sensitive. "
    raise SessionDataError(
        f"{path} has no column {columns}: {where} {listed or 'nothing'}. {hint}Set "
        f"{', '.join(keys)}; dots lead to a nested value (event.item.id)."
    )
