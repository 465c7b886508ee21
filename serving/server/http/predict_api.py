"""The bodies of TensorFlow Serving's predict REST API: requests to arrays, arrays to answers.

https://www.tensorflow.org/tfx/serving/api_rest: `inputs` (one value per input) is answered with
`outputs`, `instances` (one object per row) with `predictions`. Bytes are {"b64": "..."} in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from modules.messages.quoting import quote
from serving.server.calls import Arrays, Call
from serving.server.limits import Limits
from serving.server.model_store import ServedModel
from serving.server.request_values import Array, RequestError, by_name, read_arrays, shown

DEFAULT_SIGNATURE = "serving_default"


class Request(NamedTuple):
    """A call, and whether its answer has an object for each row."""

    call: Call
    by_row: bool


def read_request(model: ServedModel, body: bytes, limits: Limits) -> Request:
    """Reads the body of a predict request.

    Args:
      model: model that is called.
      body: JSON text.
      limits: limits of a request.

    Raises:
      RequestError: the request, or a value in it, does not fit the signature or is too large.
    """
    request = _read(body)
    name = check_signature(model, request.get("signature_name", DEFAULT_SIGNATURE))
    specs = model.specs(name)
    by_row = "instances" in request
    values = _columns(request["instances"], specs) if by_row else request["inputs"]
    values = by_name(values, list(specs))
    limits.check_rows(values)
    arrays = read_arrays(values, specs)
    limits.check(name, arrays, model.catalogue_size)
    return Request(Call(model, name, arrays), by_row)


def check_signature(model: ServedModel, name: Any) -> str:
    """Returns the name of a signature.

    Raises:
      RequestError: the model has none of this name.
    """
    if not isinstance(name, str) or name not in model.signatures:
        there = ", ".join(sorted(model.signatures))
        found = quote(name) if isinstance(name, str) else shown(name)
        raise RequestError(f"No signature {found}; there are: {there}.")
    return name


def answer_body(outputs: Arrays, by_row: bool) -> bytes:
    """Returns the answer as JSON text; infinite scores are `-Infinity`, as in TensorFlow Serving.

    Args:
      outputs: arrays by name; all have the same number of rows.
      by_row: whether to answer `predictions`, not `outputs`.
    """
    is_finite = all(
        array.dtype.kind != "f" or np.isfinite(array).all() for array in outputs.values()
    )
    if not is_finite:
        plain = {name: _text(array.tolist()) for name, array in outputs.items()}
        return json.dumps(_answer(plain, by_row), ensure_ascii=False).encode()
    columns = {name: _column(array) for name, array in outputs.items()}
    return orjson.dumps(_answer(columns, by_row), option=orjson.OPT_SERIALIZE_NUMPY)


def _answer(columns: Mapping[str, Any], by_row: bool) -> dict[str, Any]:
    if len(columns) == 1:
        return {"predictions" if by_row else "outputs": next(iter(columns.values()))}
    if not by_row:
        return {"outputs": columns}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _column(array: Array) -> Any:
    if array.dtype == object:
        return _text(array.tolist())
    return np.ascontiguousarray(array)


def _text(value: Any) -> Any:
    """Decodes bytes in nested lists."""
    if isinstance(value, list):
        return [_text(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _read(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}") from error
    if not isinstance(request, dict) or ("inputs" in request) == ("instances" in request):
        raise RequestError("The body must be an object with either 'inputs' or 'instances'.")
    return request


def _columns(instances: Any, specs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns one list per input; rows of a single input need not name it."""
    scalars = sorted(name for name, spec in specs.items() if spec.shape.rank == 0)
    if scalars:
        raise RequestError(f"{', '.join(scalars)} cannot be given by row: use 'inputs'.")
    if not isinstance(instances, list) or not instances:
        raise RequestError("'instances' must be a list with at least one row.")
    columns: dict[str, list[Any]] = {name: [] for name in specs}
    for number, row in enumerate(instances):
        if len(specs) == 1 and not (isinstance(row, dict) and set(row) == set(specs)):
            row = {next(iter(specs)): row}
        if not isinstance(row, dict) or set(row) != set(specs):
            names = ", ".join(specs)
            raise RequestError(
                f"Every row must have exactly {names}, got instances[{number}] = {shown(row)}."
            )
        for name, value in row.items():
            columns[name].append(value)
    return columns
