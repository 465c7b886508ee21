"""Values of a request, from JSON to the arrays that a signature takes, with checks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modules.messages.quoting import MOST_CHARACTERS, quote, with_rest

Array = np.ndarray[Any, Any]

_SESSIONS = ("item_ids", "examples")
_FORMS = ("{0}", "a list, each {0}", "a list of lists of one length (pad them with ''), each {0}")


class RequestError(Exception):
    """The request cannot be answered; `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        """Keeps message and status."""
        super().__init__(message)
        self.status = status


def by_name(values: Any, names: Sequence[str]) -> dict[str, Any]:
    """Returns a value for each input; the value of a single input need not be named.

    Raises:
      RequestError: inputs are missing or unknown.
    """
    if len(names) == 1 and not (isinstance(values, dict) and set(values) == set(names)):
        return {names[0]: values}
    if not isinstance(values, dict):
        raise RequestError(
            f"inputs must be an object with {', '.join(names)}, got {shown(values)}."
        )
    missing = sorted(set(names) - set(values))
    others = [quote(name, 50) for name in values if name not in names]
    if missing or others:
        found = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        parts = [f"missing: {', '.join(missing)}"] * bool(missing)
        parts += [f"unknown: {found}"] * bool(others)
        raise RequestError(f"inputs must have exactly {', '.join(names)}; {'; '.join(parts)}.")
    return values


def read_arrays(values: Mapping[str, Any], specs: Mapping[str, Any]) -> dict[str, Array]:
    """Returns an array for each input.

    Args:
      values: JSON values by input.
      specs: TensorSpecs of the signature by input.

    Raises:
      RequestError: a value does not have the type or shape of its input.
    """
    arrays = {name: _array(name, values[name], spec) for name, spec in specs.items()}
    check_rows_agree(arrays)
    return arrays


def check_rows_agree(arrays: Mapping[str, Array]) -> None:
    """Checks that all inputs have a row for each session, or are empty ones of one row.

    Raises:
      RequestError: one has other rows.
    """
    rows = {name: len(array) for name, array in arrays.items() if array.ndim}
    first = next((name for name in _SESSIONS if name in rows), "")
    for name, number in rows.items():
        if first and number != rows[first] and not (number == 1 and not arrays[name].any()):
            raise RequestError(
                f"{name} must have a row for each of the {rows[first]} sessions in {first}, or "
                f"be [['']], got {number} rows."
            )


def shown(value: Any) -> str:
    """Returns the first characters of a part of a request as JSON, for messages.

    Halves of surrogate pairs, which JSON allows and UTF-8 does not, are escaped.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:  # writing nests calls more deeply than reading
        return "a value that is nested too deeply to be shown"
    start = text[:MOST_CHARACTERS].encode(errors="backslashreplace").decode()
    return with_rest(start, len(text) - MOST_CHARACTERS)


def _array(name: str, value: Any, spec: Any) -> Array:
    if spec.dtype.name == "string" and spec.shape.rank == 2 and (plain := _plain(value)):
        return plain[0]
    kind = _kind(spec.dtype)
    form = _FORMS[spec.shape.rank].format(kind)
    if spec.shape.rank == 0:
        cells: Any = _cell(name, value, spec.dtype, form)
    elif spec.shape.rank == 1:
        cells = [
            _cell(f"{name}[{i}]", cell, spec.dtype, kind)
            for i, cell in enumerate(_list(name, value, form))
        ]
    else:
        cells = _rows(name, value, spec.dtype, kind, form)
    return np.array(cells, spec.dtype.as_numpy_dtype).reshape(_shape(cells, spec.shape.rank))


def _plain(value: Any) -> tuple[Array] | None:
    """Returns rows of strings of one length, by far the most requests, without a look at each."""
    if type(value) is not list or not all(type(row) is list for row in value):
        return None
    if len({len(row) for row in value}) != 1:
        return None
    try:
        rows = [[cell.encode() for cell in row] for row in value]
    except (AttributeError, UnicodeEncodeError):
        return None
    array = np.empty((len(rows), len(rows[0])), object)
    array[:] = rows
    return (array,)


def _kind(dtype: Any) -> str:
    if dtype.name == "string":
        return "a string"
    if dtype.is_bool:
        return "true or false"
    if dtype.is_integer:
        return f"a whole number from {dtype.min} to {dtype.max}"
    return "a number"


def _shape(cells: Any, rank: int) -> tuple[int, ...]:
    """Returns the shape of nested lists, also of empty ones."""
    if rank == 0:
        return ()
    return (len(cells),) if rank == 1 else (len(cells), len(cells[0]) if cells else 0)


def _rows(name: str, value: Any, dtype: Any, kind: str, form: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for i, row in enumerate(_list(name, value, form)):
        where = f"{name}[{i}]"
        cells = _list(where, row, _FORMS[1].format(kind))
        if rows and len(cells) != len(rows[0]):
            raise RequestError(
                f"{name} must have rows of one length (pad them with ''), got {len(rows[0])} "
                f"values in {name}[0] and {len(cells)} in {where}."
            )
        rows.append([_cell(f"{where}[{j}]", cell, dtype, kind) for j, cell in enumerate(cells)])
    return rows


def _list(where: str, value: Any, form: str) -> list[Any]:
    if not isinstance(value, list):
        raise RequestError(f"{where} must be {form}, got {shown(value)}.")
    return value


def _cell(where: str, value: Any, dtype: Any, form: str) -> Any:
    """Returns a value of the input's type; text becomes bytes, which may be given in base64."""
    if dtype.name == "string":
        found: Any = _bytes(where, value)
    elif dtype.is_bool:
        found = value if isinstance(value, bool) else None
    else:
        found = _number(value, dtype)
    if found is None:
        raise RequestError(f"{where} must be {form}, got {shown(value)}.")
    return found


def _number(value: Any, dtype: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if dtype.is_integer:
        return value if isinstance(value, int) and dtype.min <= value <= dtype.max else None
    return value if abs(value) <= float(dtype.max) else None


def _bytes(where: str, value: Any) -> bytes | None:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise RequestError(f"{where} has half of a surrogate pair: {error}.") from error
    if not isinstance(value, dict) or set(value) != {"b64"}:
        return None
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise RequestError(f"{where} is not valid base64: {shown(value)}.") from error
