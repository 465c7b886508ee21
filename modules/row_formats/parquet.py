"""Parquet files of events, or of sessions with lists of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from modules.config.options.sessions import SessionOptions
from modules.row_formats import arrow_columns
from modules.row_formats.parquet_process import ask
from modules.row_formats.parts import PACKED_RATIO, PIECE_BYTES, DamagedTableError, open_text
from modules.row_formats.records import (
    Paths,
    Reject,
    check_names,
    paths_of,
    record_text,
    rows_of_columns,
)
from modules.sessions.row_checks import Rows
from modules.sessions.sessions import EmptyFileError, SessionDataError

_USABLE = {
    "time_column": (
        arrow_columns.is_time,
        "a timestamp, date, text or 64-bit number",
    ),
    "time_offset_column": (arrow_columns.is_duration, "a duration, number or text"),
}


class ParquetPart(NamedTuple):
    """The row groups from `start` to `end`; `first` is the position of their first row or event."""

    start: int
    end: int
    first: int
    counted: str = "row"

    def read(
        self, path: str, options: SessionOptions, block_bytes: int = PIECE_BYTES
    ) -> Iterator[Rows]:
        """Yields the rows of the part, batch by batch."""
        paths = paths_of(options)
        request = {"start": self.start, "end": self.end, "paths": [*_full_paths(paths)]}
        offset = self.first
        with open_text(path, "") as file:
            for _, payload in ask(file, request):
                try:
                    batch = pa.ipc.open_stream(payload).read_next_batch()
                    rows = _rows(batch, offset, paths, options)
                except pa.ArrowException as error:
                    raise DamagedTableError(f"PyArrow cannot read it ({error})") from error
                yield rows
                offset += _length(batch, paths)


class Parquet(NamedTuple):
    """A Parquet file, compressed inside if at all; of each row group its bytes and positions.

    Bytes are those of the values that are read; positions are rows, or events of lists.
    """

    groups: tuple[tuple[int, int], ...]
    codec: str = ""

    def text_bytes(self, length: int) -> int:
        """Estimates how long the rows would be as text."""
        return length * PACKED_RATIO

    def parts(self, length: int, piece_bytes: int) -> Iterator[ParquetPart]:
        """Cuts the file into runs of row groups of about `piece_bytes` together."""
        start = size = first = positions = 0
        for at, (group_bytes, group_positions) in enumerate(self.groups, 1):
            size += group_bytes
            positions += group_positions
            if size >= piece_bytes or at == len(self.groups):
                yield ParquetPart(start, at, first)
                start, size, first = at, 0, positions


def inspect_parquet(path: str, options: SessionOptions) -> Parquet:
    """Looks for the columns in a file's schema.

    Raises:
      EmptyFileError: there is no row.
      SessionDataError: a column is missing, or is of no type that it can have.
      DamagedTableError: the file is cut, or its footer is damaged.
    """
    paths = paths_of(options)
    request = {
        "paths": [*_full_paths(paths)],
        "count": None if paths.events is None else [paths.events, paths.event[0]],
    }
    with open_text(path, "") as file:
        (_, packed), (_, facts) = ask(file, request)
    schema = pa.ipc.read_schema(pa.py_buffer(packed))
    groups = json.loads(facts)
    if not sum(rows for rows, _, _ in groups):
        raise EmptyFileError(
            f"{path} is empty: it is a Parquet file without rows. Exclude the file from the "
            "pattern or write it again."
        )
    _check_columns(path, schema, options)
    return Parquet(tuple((size, positions) for _, size, positions in groups))


def _check_columns(path: str, schema: Any, options: SessionOptions) -> None:
    paths = paths_of(options)
    try:
        found = {paths.session: arrow_columns.find_type(schema, paths.session)}
        if paths.events is None:
            found |= {name: arrow_columns.find_type(schema, name) for name in paths.event}
        else:
            events = arrow_columns.find_type(schema, paths.events)
            inside = events.value_type if arrow_columns.is_list(events) else None
            found |= {
                f"{paths.events}.{name}": arrow_columns.inner_type(inside, name)
                for name in paths.event
            }
    except ValueError as error:
        raise SessionDataError(f"{path} has {error}: give each another name.") from error
    missing = [name for name, kind in found.items() if kind is None]
    if paths.events is not None and inside is None:
        missing = [paths.session] * (paths.session in missing) + [paths.events]
    check_names(path, [*arrow_columns.all_names(schema)], missing, options, "its schema has")
    for (name, kind), option in zip(found.items(), options.column_options(), strict=True):
        is_usable, needs = _USABLE.get(option, (arrow_columns.is_id, "a text or number"))
        if not is_usable(kind):
            raise SessionDataError(
                f"{path} has column {name!r} of type {kind}, where {needs} is needed. Set "
                f"sessions.{option} to another column; dots lead to a nested value (event.item.id)."
            )


def _full_paths(paths: Paths) -> Iterator[list[str]]:
    yield [paths.session]
    for name in paths.event:
        yield [name] if paths.events is None else [paths.events, name]


def _length(batch: Any, paths: Paths) -> int:
    """Returns how many offsets a batch takes: one a row or event, and one for a missing list."""
    if paths.events is None:
        return int(batch.num_rows)
    lengths = pc.list_value_length(arrow_columns.column(batch, paths.events)).fill_null(0)
    return sum(max(1, length) for length in lengths.to_pylist())


def _rows(batch: Any, offset: int, paths: Paths, options: SessionOptions) -> Rows:
    sessions = arrow_columns.ids(arrow_columns.column(batch, paths.session))
    rejects: list[Reject] = []
    if paths.events is None:
        arrays = [arrow_columns.column(batch, name) for name in paths.event]
    else:
        lists = arrow_columns.column(batch, paths.events)
        inside = lists.flatten()
        parents = pc.list_parent_indices(lists).to_pylist()
        rejects += _missing_lists(sessions, lists, parents, offset)
        sessions = [sessions[at] for at in parents]
        arrays = [arrow_columns.inner_column(inside, name) for name in paths.event]
    columns: list[list[Any]] = [
        sessions,
        *(
            arrow_columns.times(array) if is_time else arrow_columns.ids(array)
            for array, is_time in zip(arrays, paths.are_times()[1:], strict=True)
        ),
    ]

    def text_of(at: int) -> bytes:
        shown = [sessions[at], *(arrow_columns.shown(array, at) for array in arrays)]
        return record_text(dict(zip(paths.full_names(), shown, strict=True)))

    at_all = range(len(sessions))
    offsets = range(offset, offset + len(sessions))
    return rows_of_columns(offsets, at_all, columns, paths, options, rejects, text_of)


def _missing_lists(
    sessions: list[Any], lists: Any, parents: list[int], offset: int
) -> Iterator[Reject]:
    """Yields a reject for each session that has no list."""
    if not lists.null_count:
        return
    before = 0
    for at, is_null in enumerate(lists.is_null().to_pylist()):
        while before < len(parents) and parents[before] < at:
            before += 1
        if is_null:
            yield "type", offset + before, sessions[at] or b""
