"""Avro files of events, or of sessions with lists of events."""

from __future__ import annotations

import copy
import decimal
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import fastavro

from modules.config.options.sessions import SessionOptions
from modules.row_formats.avro_container import (
    DECODING_ERRORS,
    Block,
    Header,
    read_blocks,
    read_header,
)
from modules.row_formats.parts import PACKED_RATIO, PIECE_BYTES, DamagedTableError, open_text
from modules.row_formats.records import (
    EventReader,
    Paths,
    RawEvent,
    Reject,
    check_names,
    paths_of,
    rows_of_events,
)
from modules.row_formats.values import Milliseconds, to_ms
from modules.sessions.event_times import MS_PER_DAY
from modules.sessions.row_checks import Rows
from modules.sessions.sessions import SessionDataError

# A row's position is its block's, in bytes, and its number in the block: a block has fewer rows
# than 2**8 for each of its bytes, unless all of them are equal.
_ROW_BITS = 8
_LONGEST_FILE = 1 << 36
_PER_SECOND = {
    "timestamp-millis": 10**3,
    "timestamp-micros": 10**6,
    "timestamp-nanos": 10**9,
    "local-timestamp-millis": 10**3,
    "local-timestamp-micros": 10**6,
    "local-timestamp-nanos": 10**9,
    "time-millis": 10**3,
    "time-micros": 10**6,
}
_MOST_DEPTH = 8  # of names that messages list: a schema may contain itself
_NESTED = ("type", "fields", "items", "values")
_SCALARS = {"string", "bytes", "int", "long", "float", "double", "enum", "fixed"}

Convert = Callable[[Any], Any]


class AvroPart(NamedTuple):
    """The blocks that begin in [start, end)."""

    start: int
    end: int
    counted: str = "byte"

    def read(
        self, path: str, options: SessionOptions, block_bytes: int = PIECE_BYTES
    ) -> Iterator[Rows]:
        """Yields the rows of the part, block by block."""
        paths = paths_of(options)
        with open_text(path, "") as file:
            header = read_header(file)
            decoder = _Decoder(header, paths)
            for block in read_blocks(file, header, self.start, self.end):
                yield decoder.rows(block, options)


class Avro(NamedTuple):
    """An Avro file; a compressed one cannot be read in parts, so `codec` is always ""."""

    packed: bool
    codec: str = ""

    def text_bytes(self, length: int) -> int:
        """Estimates how long the rows would be as text."""
        return length * (PACKED_RATIO if self.packed else 1)

    def parts(self, length: int, piece_bytes: int) -> Iterator[AvroPart]:
        """Cuts the file into ranges of bytes."""
        for start in range(0, max(length, 1), piece_bytes):
            yield AvroPart(start, start + piece_bytes)


def inspect_avro(path: str, options: SessionOptions) -> Avro:
    """Looks for the columns in a file's schema.

    Raises:
      SessionDataError: a column is missing, or is of no type that it can have.
      DamagedTableError: the header is damaged.
    """
    with open_text(path, "") as file:
        header = read_header(file)
        length = file.seek(0, io.SEEK_END)
    if length > _LONGEST_FILE:
        raise SessionDataError(
            f"{path} has {length:,} bytes: an Avro file may have up to {_LONGEST_FILE:,}. Write "
            "several files and name them by a pattern."
        )
    schema, paths = _Schema(header.schema), paths_of(options)
    events = [] if paths.events is None else schema.types(schema.root, paths.events)
    inside = schema.root if paths.events is None else schema.items(events)
    found = {name: schema.types(inside, name) for name in paths.event}
    kinds = [schema.types(schema.root, paths.session), *found.values()]
    by_name = dict(zip(paths.full_names(), kinds, strict=True))
    missing = [name for name, types in by_name.items() if not types]
    if paths.events is not None and not inside:
        missing = [paths.session] * (paths.session in missing) + [paths.events]
    check_names(path, [*schema.names(schema.root)], missing, options, "its schema has")
    for name, option in zip(by_name, options.column_options(), strict=True):
        usable = [each for each in by_name[name] if _kind(each) in _SCALARS]
        if option == "time_column":
            usable = [each for each in by_name[name] if _is_time(each)]
        if not usable:
            raise SessionDataError(_wrong_type(path, name, option, by_name[name]))
    return Avro(header.codec != "null")


def _wrong_type(path: str, name: str, option: str, types: list[Any]) -> str:
    kinds = " or ".join(
        str(each.get("logicalType", each["type"]) if isinstance(each, dict) else each)
        for each in types
    )
    needs = (
        "a timestamp, date, text, long or double" if option == "time_column" else "a text or number"
    )
    return (
        f"{path} has column {name!r} of type {kinds}, where {needs} is needed. Set "
        f"sessions.{option} to another column; dots lead to a nested value (event.item.id)."
    )


def _kind(schema: Any) -> Any:
    return schema["type"] if isinstance(schema, dict) else schema


def _is_time(schema: Any) -> bool:
    logical = schema.get("logicalType", "") if isinstance(schema, dict) else ""
    # A float, of 32 bits, is minutes off today.
    return _kind(schema) in _SCALARS - {"float"} and not logical.startswith(
        ("time-", "duration", "uuid")
    )


class _Schema:
    """A writer's schema: where its columns are, and how to read them."""

    def __init__(self, schema: Any) -> None:
        """Parses the schema.

        Raises:
          DamagedTableError: it is not valid.
        """
        self._named: dict[str, Any] = {}
        try:
            parsed = fastavro.parse_schema(copy.deepcopy(schema), named_schemas=self._named)
            plain = _without_logical_types(schema)
            self.writer: Any = _list_of(plain)
        except (*DECODING_ERRORS, fastavro.schema.SchemaParseException) as error:
            raise DamagedTableError(f"its schema is not valid ({error!r})") from error
        except fastavro.schema.UnknownType as error:
            raise DamagedTableError(f"its schema has an unknown type ({error})") from error
        if not isinstance(plain, dict) or plain.get("type") != "record":
            raise DamagedTableError("its schema is not a record with named fields")
        self.root = self._branches(parsed)  # in it all names are whole
        self._plain = plain

    def reader(self, used: set[str]) -> Any:
        """Returns the schema of the used fields alone, None if it cannot be separated."""
        fields = [field for field in self._plain["fields"] if field["name"] in used]
        if len(fields) == len(self._plain["fields"]):
            return None
        try:
            return _list_of({**self._plain, "fields": fields})
        except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType):
            return None  # a type is defined in a field that is not read

    def _branches(self, schema: Any) -> list[Any]:
        """Returns the types of a union, or the one type, without null; names are resolved."""
        if isinstance(schema, list):
            return [found for each in schema for found in self._branches(each)]
        if isinstance(schema, dict) and isinstance(schema.get("type"), (dict, list)):
            return self._branches(schema["type"])
        if isinstance(schema, str):
            if schema == "null":
                return []
            return [self._named.get(schema, schema)]
        return [schema]

    def _children(self, types: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for each in types:
            if _kind(each) == "record":
                for field in each.get("fields", ()):
                    yield field["name"], self._branches(field["type"])

    def types(self, types: list[Any], name: str) -> list[Any]:
        """Returns the types of the value to which a name with dots leads from some types."""
        for key in name.split("."):
            types = [
                each for found, inside in self._children(types) if found == key for each in inside
            ]
        return types

    def items(self, types: list[Any]) -> list[Any]:
        """Returns the types of the elements of lists."""
        lists = (each for each in types if _kind(each) == "array")
        return [found for each in lists for found in self._branches(each.get("items", []))]

    def names(self, types: list[Any], before: str = "", depth: int = 0) -> Iterator[str]:
        """Yields the names of all values, nested ones with dots."""
        for name, inside in self._children(types):
            nested = [*inside, *self.items(inside)]
            if depth < _MOST_DEPTH and any(_kind(each) == "record" for each in nested):
                yield from self.names(nested, f"{before}{name}.", depth + 1)
            else:
                yield f"{before}{name}"


def _list_of(record: Any) -> Any:
    return fastavro.parse_schema({"type": "array", "items": copy.deepcopy(record)})


def _without_logical_types(schema: Any) -> Any:
    """Returns a schema whose values are read as they are: Python's times end with the year 9999."""
    if isinstance(schema, list):
        return [_without_logical_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_logical_types(value)
        if key in ("type", "fields", "items", "values")
        else value
        for key, value in schema.items()
        if key not in ("logicalType", "precision", "scale")
    }


class _Decoder:
    """Decodes the blocks of a file."""

    def __init__(self, header: Header, paths: Paths) -> None:
        schema = _Schema(header.schema)
        self._paths, self._reader = paths, EventReader(paths)
        self._writer = schema.writer
        outer = [paths.session, *(paths.event if paths.events is None else [paths.events])]
        self._wanted = schema.reader({name.partition(".")[0] for name in outer})
        inside = schema.root
        if paths.events is not None:
            inside = schema.items(schema.types(schema.root, paths.events))
        self._converts: list[Convert | None] = [
            (_time_convert if is_time else _id_convert)(schema.types(where, name))
            for where, name, is_time in zip(
                [schema.root, *[inside] * len(paths.event)],
                [paths.session, *paths.event],
                paths.are_times(),
                strict=True,
            )
        ]

    def rows(self, block: Block, options: SessionOptions) -> Rows:
        """Returns the rows of a block."""
        base = block.offset << _ROW_BITS
        last = base + (block.length << _ROW_BITS) - 1
        rejects: list[Reject] = []
        events: list[RawEvent] = []
        for number, record in enumerate(self._records(block)):
            at = min(base + max(number, len(events) + len(rejects)), last)
            events += self._reader.read(at, record, record, rejects)
        if any(self._converts):
            events = [(at, self._converted(values), source) for at, values, source in events]
        rows = rows_of_events(events, self._paths, options, rejects)
        rows.rejects[:] = [(why, at >> _ROW_BITS, text) for why, at, text in rows.rejects]
        return rows

    def _converted(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None or value is None else convert(value)
            for value, convert in zip(values, self._converts, strict=True)
        )

    def _records(self, block: Block) -> list[Any]:
        # As one list, which a block is but for its count and end: one by one is slow.
        data = io.BytesIO(_varint(block.records) + block.data + b"\0")
        try:
            records: Any = fastavro.schemaless_reader(
                data, self._writer, self._wanted, handle_unicode_errors="surrogateescape"
            )
        except DECODING_ERRORS as error:
            raise DamagedTableError(
                f"the block at byte {block.offset} cannot be read ({error!r})"
            ) from error
        if len(records) != block.records or data.read(1):
            raise DamagedTableError(
                f"the block at byte {block.offset} has other than its {block.records:,} rows"
            )
        return list(records)


def _varint(number: int) -> bytes:
    """Returns a number that is not negative in zigzag coding."""
    number <<= 1
    coded = bytearray()
    while number > 0x7F:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*coded, number])


def _id_convert(types: list[Any]) -> Convert | None:
    scales = [each.get("scale", 0) for each in types if _logical(each) == "decimal"]
    return (lambda value: _decimal(value, scales[0])) if scales else None


def _time_convert(types: list[Any]) -> Convert | None:
    for each in types:
        logical = _logical(each)
        if logical in _PER_SECOND:
            per_second = _PER_SECOND[logical]
            return lambda value: (
                Milliseconds(to_ms(value, per_second)) if type(value) is int else value
            )
        if logical == "date":
            return lambda value: Milliseconds(value * MS_PER_DAY) if type(value) is int else value
    return _id_convert(types)


def _logical(schema: Any) -> str:
    return schema.get("logicalType", "") if isinstance(schema, dict) else ""


def _decimal(value: Any, scale: int) -> Any:
    """Returns the number that is the bytes of a decimal, of any precision, unlike fastavro."""
    if not isinstance(value, bytes):
        return value
    number = int.from_bytes(value, "big", signed=True)
    if not scale:
        return number
    return decimal.Decimal((number < 0, [*map(int, str(abs(number)))], -scale))
