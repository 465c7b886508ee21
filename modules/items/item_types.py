"""Types of the columns of items: one for values of several types, and values as it.

Which type that is does not depend on the order in which types are joined.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

from modules.items.item_values import text_of

# What pyarrow raises for a value that Python has not, such as a time in the year 100,000.
NO_VALUE = (OverflowError, ValueError, KeyError, pa.ArrowException)
_NULL, _TEXT, _TEXTS = pa.null(), pa.string(), pa.list_(pa.string())


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Returns the one of the types that have the same values: that of empty lists is null.

    >>> kinds = [pa.large_list(pa.large_string()), pa.list_(pa.null()), pa.binary(8)]
    >>> [str(plain_type(kind)) for kind in kinds]
    ['list<item: string>', 'null', 'binary']
    """
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if _is_list(kind):
        inside = plain_type(kind.value_type)
        return _NULL if inside == _NULL else pa.list_(inside)
    if pa.types.is_large_string(kind):
        return _TEXT
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        # A decimal has a fixed width, too, but is another type.
        return kind if pa.types.is_decimal(kind) else pa.binary()
    return kind


def common_type(kinds: Iterable[pa.DataType]) -> pa.DataType:
    """Returns the type of a column with values of some types.

    Lists with anything else are lists of texts; numbers have the wider type; all else is text.

    >>> number, text, texts = pa.int8(), pa.string(), pa.list_(pa.string())
    >>> [str(common_type(kinds)) for kinds in ([number, pa.float64()], [text, number, texts])]
    ['double', 'list<item: string>']
    """
    return functools.reduce(_common, map(plain_type, kinds), _NULL)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or other == _NULL:
        return one
    if one == _NULL:
        return other
    lists = [_is_list(each) for each in (one, other)]
    if all(lists):
        inside = [one.value_type, other.value_type]
        return pa.list_(_TEXT if any(map(_is_list, inside)) else _common(*inside))
    if any(lists):
        return _TEXTS
    if all(pa.types.is_integer(each) or pa.types.is_floating(each) for each in (one, other)):
        fit = all(pa.types.is_integer(each) and each != pa.uint64() for each in (one, other))
        return pa.int64() if fit else pa.float64()
    return _TEXT


def as_type(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Returns a column as a type that `common_type` returns for its own and others."""
    if column.type == wanted:
        return column
    own = plain_type(column.type)
    if own == _NULL:
        return pa.chunked_array([pa.nulls(len(column), wanted)])
    if not (_is_list(own) or _is_list(wanted)) and (own == wanted or wanted != _TEXT):
        return column.cast(wanted, safe=False)
    convert = _converter(own, wanted)
    values = [None if value is None else convert(value) for value in values_of(column)]
    return pa.chunked_array([pa.array(values, wanted)])


def _converter(own: pa.DataType, wanted: pa.DataType) -> Callable[[Any], Any]:
    if not _is_list(wanted):
        return text_of
    if not _is_list(own):
        return lambda value: [text_of(value)]
    if wanted.value_type != _TEXT or own == wanted:
        return lambda value: value
    return lambda value: [None if each is None else text_of(each) for each in value]


def values_of(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Returns the values of a column, numbers in place of times that Python has not.

    Raises:
      any of NO_VALUE: a value inside a list or struct has no counterpart in Python.
    """
    try:
        found: list[Any] = column.to_pylist()
    except NO_VALUE:
        found = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()
    return found


def column_of(values: Sequence[Any]) -> pa.Array:
    """Returns JSON values as a column, of a type as `common_type` has it; objects become texts.

    >>> [str(column_of(values).type) for values in ([1, None], [1, 2.5], [1, "a"], [["a"], 7])]
    ['int64', 'double', 'string', 'list<item: string>']
    """
    lists = [value for value in values if isinstance(value, list)]
    inside = [each for value in lists for each in value] if lists else values
    is_mixed = len(lists) != sum(value is not None for value in values) if lists else False
    if not is_mixed and not any(isinstance(each, (dict, list)) for each in inside):
        try:
            found = pa.array(values)
            if found.type not in (pa.uint64(), pa.list_(pa.uint64())):  # beside small ones: text
                return found
        except (pa.ArrowException, TypeError, OverflowError, UnicodeError):
            pass
    if not lists:
        return pa.array([_valid(value) for value in values], _TEXT)
    rows = (value if isinstance(value, list) or value is None else [value] for value in values)
    return pa.array(
        [None if row is None else [_valid(each) for each in row] for row in rows], _TEXTS
    )


def _valid(value: Any) -> str | None:
    """Returns a value as text that can be stored: JSON's escapes can be half a character."""
    return None if value is None else text_of(value).encode("utf-8", "replace").decode()


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
