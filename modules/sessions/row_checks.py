"""The checks of a row, whatever format it is written in; neither TensorFlow nor Beam here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from modules.files.characters import holds_any, may_have_blank_beyond_ascii, strip_blanks
from modules.files.formats import WRITE_AS_UTF8
from modules.sessions.event_times import MAX_TIME_MS, time_to_ms
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
        "empty_id": (
            "The session (or visitor) id or the item id is empty or blank. Rows of an event type "
            "that has no item, such as a search, are left out by sessions.event_column and "
            "sessions.event_types."
        ),
        "unusable_id": (
            "The session or item id contains a carriage return, or the item id is [PAD], [UNK] or "
            "contains __SPACE__, which the vocabulary cannot store: rename it."
        ),
        "time": "",  # depends on the option
        "json": (
            "The line is not a JSON object. Each row is one object on a line of its own, without "
            "NaN and Infinity; a line may hold no more than one."
        ),
        "type": (
            "A value has another type than a column's: an id is a text or a whole number, a time a "
            "text or a number, and neither is true, false, a list or an object. For a value inside "
            "an object, name the column with dots: event.item.id."
        ),
    }
)


class Rows(NamedTuple):
    """Events of a part of a file as parallel lists, and its bad rows.

    Attributes:
      session_ids: ids of sessions, or of visitors.
      times: milliseconds since 1970.
      offsets: offset of each row in the file's (uncompressed) text, in bytes.
      rejects: (reason, offset, text) of each bad row.
      types: event types, of a log that has any.
    """

    session_ids: list[bytes]
    item_ids: list[bytes]
    times: list[int]
    offsets: list[int]
    rejects: list[tuple[str, int, bytes]]
    types: list[bytes]

    def extend(self, more: Rows) -> None:
        """Adds the rows that follow."""
        lists: Iterable[tuple[list[Any], list[Any]]] = zip(self, more, strict=True)
        for mine, others in lists:
            mine.extend(others)

    def of_types(self, kept: Collection[bytes] | None) -> Rows:
        """Returns the rows with only the events of some types; None for all."""
        return self if kept is None else self._chosen([each in kept for each in self.types])

    def without(self, ids: Collection[bytes]) -> Rows:
        """Returns the rows without those of some sessions, or visitors."""
        if not ids:
            return self
        chosen = [each not in ids for each in self.session_ids]
        return self if all(chosen) else self._chosen(chosen)

    def _chosen(self, chosen: Sequence[bool]) -> Rows:
        return Rows(
            [*itertools.compress(self.session_ids, chosen)],
            [*itertools.compress(self.item_ids, chosen)],
            [*itertools.compress(self.times, chosen)],
            [*itertools.compress(self.offsets, chosen)],
            self.rejects,
            [*itertools.compress(self.types, chosen)],
        )


class Places(NamedTuple):
    """Positions of a row's values among its fields; `event` and `offset` may be None."""

    session: int
    item: int
    time: int
    event: int | None = None
    offset: int | None = None


class Checks(NamedTuple):
    """How the fields of some rows are read.

    Attributes:
      places: where the values are.
      to_ms: returns a time in milliseconds since 1970, None if it cannot be read.
      kept_types: event types that need an item; None for all.
      clean: strips blanks off an id.
      is_unusable: whether a session or item id is unusable; None if none is.
    """

    places: Places
    to_ms: Callable[[Any], int | None]
    kept_types: Collection[bytes] | None
    clean: Callable[[bytes], bytes]
    is_unusable: Callable[[bytes, bytes], bool] | None


def collect_rows(
    split_rows: Iterable[tuple[int, Any, Sequence[Any]]],
    rows: Rows,
    checks: Checks,
    is_no_row: Callable[[Sequence[Any], Any, int], bool] | None = None,
    text_of: Callable[[Any], bytes] | None = None,
) -> None:
    """Checks rows and adds them to `rows`: this decides which are good, for every format.

    Args:
      split_rows: offset, source and fields of each row.
      rows: gets the events and the rejects.
      checks: how the fields are read.
      is_no_row: whether a bad row's fields, source and offset are none, such as a second header.
      text_of: returns the text of a bad row's source; None if it is the text.
    """
    session_ids, item_ids, times, offsets, rejects, types = rows
    (session, item, time, event, more), to_ms, kept_types, clean, is_unusable = checks

    def reject(reason: str, fields: Sequence[Any], source: Any, offset: int) -> None:
        if reason == "unusable_id" or is_no_row is None or not is_no_row(fields, source, offset):
            rejects.append((reason, offset, source if text_of is None else text_of(source)))

    for start, source, fields in split_rows:
        session_id, item_id = clean(fields[session]), clean(fields[item])
        if not session_id or (
            not item_id
            and (kept_types is None or event is None or clean(fields[event]) in kept_types)
        ):
            reject("empty_id", fields, source, start)
            continue
        if is_unusable is not None and is_unusable(session_id, item_id):
            reject("unusable_id", fields, source, start)
            continue
        event_time = to_ms(fields[time])
        if event_time is None or more is not None:
            if event_time is None and type(fields[time]) is bytes:
                event_time = to_ms(clean(fields[time]))  # blanks beyond ASCII around it are rare
            if more is not None and event_time is not None:
                added = fields[more]
                event_time = _later(event_time, clean(added) if type(added) is bytes else added)
            if event_time is None:
                reject("time", fields, source, start)
                continue
        session_ids.append(session_id)
        item_ids.append(item_id)
        times.append(event_time)
        offsets.append(start)
        if event is not None:
            types.append(clean(fields[event]))


def _later(time: int, offset: bytes | int) -> int | None:
    """Returns a time plus an offset, both in milliseconds."""
    added = offset if isinstance(offset, int) else time_to_ms(offset, "milliseconds")
    return time + added if added is not None and 0 <= added <= MAX_TIME_MS - time else None


# The next two search the whole text first, which is fast, and return a function to check single
# rows only if there is something to find.


def id_cleaner(text: bytes) -> Callable[[bytes], bytes]:
    """Returns the function that strips blanks off an id."""
    return strip_blanks if may_have_blank_beyond_ascii(text) else bytes.strip


def id_check(text: bytes) -> Callable[[bytes, bytes], bool] | None:
    """Returns the function that checks whether a session or item id is unusable."""
    returns_inside = text.count(b"\r") != text.count(b"\r\n")
    if not returns_inside and not holds_any(text, SUSPECT_TEXTS):
        return None
    return lambda session_id, item_id: b"\r" in session_id or not vocabulary_holds(item_id)
