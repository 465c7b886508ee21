"""Columns of Arrow as lists of ids and times, many values at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from modules.row_formats.values import id_of, time_of, to_ms
from modules.sessions.event_times import MAX_TIME_MS, MS_PER_DAY

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NO_TIME = -1


def is_id(kind: Any) -> bool:
    """Returns whether ids can have a type."""
    if pa.types.is_dictionary(kind):
        return is_id(kind.value_type)
    return bool(
        pa.types.is_integer(kind)
        or is_text(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )


def is_time(kind: Any) -> bool:
    """Returns whether times can have a type; floats of 32 bits are minutes off today."""
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return False
    return bool(is_id(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_duration(kind: Any) -> bool:
    """Returns whether times since another time can have a type."""
    return bool(is_id(kind) or pa.types.is_duration(kind))


def is_text(kind: Any) -> bool:
    """Returns whether a type is text, or bytes that may be."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def find_type(schema: Any, name: str) -> Any:
    """Returns the type of a column or, by a name with dots, of a value inside it; None for none.

    A column whose name really has the dots comes first.

    Raises:
      ValueError: there is more than one.
    """
    if schema.names.count(name) > 1:
        raise ValueError(f"more than one column {name!r}")
    if name in schema.names:
        return schema.field(name).type
    key, *keys = name.split(".")
    kind = schema.field(key).type if schema.names.count(key) == 1 else None
    for key in keys:
        kind = field_type(kind, key)
    return kind


def field_type(kind: Any, name: str) -> Any:
    """Returns the type of a struct's field; None if there is none."""
    if kind is None or not pa.types.is_struct(kind):
        return None
    at = kind.get_field_index(name)
    return kind[at].type if at >= 0 else None


def inner_type(kind: Any, name: str) -> Any:
    """Returns the type of a value inside a struct, by a name with dots; None if there is none."""
    if field_type(kind, name) is not None:
        return field_type(kind, name)
    for key in name.split("."):
        kind = field_type(kind, key)
    return kind


def is_list(kind: Any) -> bool:
    """Returns whether a type is a list."""
    return kind is not None and bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def all_names(fields: Any, before: str = "") -> Iterator[str]:
    """Yields the names of all values of a schema or struct, nested ones with dots."""
    for field in fields:
        kind = field.type.value_type if is_list(field.type) else field.type
        if pa.types.is_struct(kind):
            yield from all_names(
                [kind[at] for at in range(kind.num_fields)], f"{before}{field.name}."
            )
        else:
            yield f"{before}{field.name}"


def column(batch: Any, name: str) -> Any:
    """Returns a column or, by a name with dots, a value inside it."""
    if name in batch.schema.names:
        return batch.column(batch.schema.get_field_index(name))
    key, *keys = name.split(".")
    return _inside(batch.column(batch.schema.get_field_index(key)), keys)


def inner_column(structs: Any, name: str) -> Any:
    """Returns the values inside structs, by a name with dots."""
    if field_type(structs.type, name) is not None:
        return _inside(structs, [name])
    return _inside(structs, name.split("."))


def _inside(array: Any, keys: list[str]) -> Any:
    for key in keys:
        at = array.type.get_field_index(key)
        array = pc.struct_field(array, [at])
    return array


def ids(array: Any) -> list[bytes | None]:
    """Returns ids as bytes, empty for missing ones, None for values that cannot be ids."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_integer(array.type) or is_text(array.type):
        return _texts(array)
    return [id_of(value) for value in _plain(array)]


def times(array: Any) -> list[bytes | int | None]:
    """Returns times as bytes, as text would have them, or as ints in milliseconds since 1970."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_integer(kind) or is_text(kind):
        return [*_texts(array)]
    if pa.types.is_date(kind):
        days = array.cast(pa.date32()).cast(pa.int32()).fill_null(_NO_TIME).to_pylist()
        return [day * MS_PER_DAY for day in days]
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        per_second = _PER_SECOND[kind.unit]
        numbers = array.cast(pa.int64()).fill_null(_NO_TIME)
        return [to_ms(each, per_second) for each in _numbers(numbers, per_second)]
    return [time_of(value) for value in _plain(array)]


def _numbers(array: Any, per_second: int) -> list[int]:
    found: list[int] = array.to_numpy().tolist()
    # Rounding must not make a time of what is before 1970.
    return [each if each >= 0 else -MAX_TIME_MS * per_second for each in found]


def _texts(array: Any) -> list[Any]:
    if pa.types.is_integer(array.type):
        array = array.cast(pa.string())
    if pa.types.is_string(array.type):
        array = array.cast(pa.binary())
    elif pa.types.is_large_string(array.type):
        array = array.cast(pa.large_binary())
    found = array.to_numpy(zero_copy_only=False).tolist()
    return [b"" if each is None else each for each in found] if array.null_count else found


def shown(array: Any, at: int) -> Any:
    """Returns a value as people see it, bytes where it may be no text."""
    value = array[at]
    if pa.types.is_string(array.type):
        return value.as_buffer().to_pybytes() if value.is_valid else None
    try:
        return value.as_py()
    except (OverflowError, ValueError):  # a time that Python has not
        return str(array.slice(at, 1).cast(pa.int64())[0])


def _plain(array: Any) -> list[Any]:
    if pa.types.is_floating(array.type):
        return array.to_numpy(zero_copy_only=False).tolist()
    return array.to_pylist()
