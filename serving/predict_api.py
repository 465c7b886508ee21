"""The JSON of TensorFlow Serving's predict REST API, to and from the signatures of a SavedModel.

https://www.tensorflow.org/tfx/serving/api_rest: `inputs` (one value per input) is answered with
`outputs`, `instances` (one object per row) with `predictions`. Bytes travel as {"b64": "..."}.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

DEFAULT_SIGNATURE = "serving_default"


class RequestError(Exception):
    """The request means nothing to the model; `status` is HTTP's."""

    def __init__(self, message: str, status: int = 400) -> None:
        """Keeps message and status."""
        super().__init__(message)
        self.status = status


def predict(signatures: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Answers the body of a predict request.

    Args:
      signatures: of a loaded SavedModel.
      body: JSON.

    Returns:
      What goes back as JSON.

    Raises:
      RequestError: the request, or a value in it, is not as the signature needs it.
    """
    request = _read(body)
    name = request.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str) or name not in signatures:
        raise RequestError(f"No signature {name!r}; there are: {', '.join(sorted(signatures))}.")
    function = signatures[name]
    specs = function.structured_input_signature[1]
    by_row = "instances" in request
    values = _columns(request["instances"], specs) if by_row else request["inputs"]
    outputs = _call(function, _tensors(values, specs))
    if not by_row:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    if len(outputs) == 1:
        return {"predictions": next(iter(outputs.values()))}
    return {"predictions": rows}


def _read(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The body is no JSON: {error}") from error
    if not isinstance(request, dict) or ("inputs" in request) == ("instances" in request):
        raise RequestError("The body must be an object with either 'inputs' or 'instances'.")
    return request


def _columns(instances: Any, specs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Turns rows into one list per input; rows of a single input need not name it."""
    scalars = sorted(name for name, spec in specs.items() if spec.shape.rank == 0)
    if scalars:
        raise RequestError(f"{', '.join(scalars)} cannot be given by row: use 'inputs'.")
    if not isinstance(instances, list) or not instances:
        raise RequestError("'instances' must be a list with at least one row.")
    columns: dict[str, list[Any]] = {name: [] for name in specs}
    for row in instances:
        if len(specs) == 1 and not (isinstance(row, dict) and set(row) == set(specs)):
            row = {next(iter(specs)): row}
        if not isinstance(row, dict) or set(row) != set(specs):
            raise RequestError(f"Every row must have exactly {', '.join(specs)}.")
        for name, value in row.items():
            columns[name].append(value)
    return columns


def _tensors(values: Any, specs: Mapping[str, Any]) -> dict[str, Any]:
    if len(specs) == 1 and not (isinstance(values, dict) and set(values) == set(specs)):
        values = {next(iter(specs)): values}
    if not isinstance(values, dict) or set(values) != set(specs):
        given = ", ".join(values) if isinstance(values, dict) else type(values).__name__
        raise RequestError(f"inputs must have exactly {', '.join(specs)}, got {given}.")
    tensors = {}
    for name, spec in specs.items():
        try:
            tensors[name] = _tensor(_decode(values[name]), spec.dtype)
        except (TypeError, ValueError) as error:
            raise RequestError(
                f"{name} must be {spec.dtype.name} of shape {spec.shape}, with rows of one length "
                f"(pad them with ''): {error}"
            ) from error
        if not spec.shape.is_compatible_with(tensors[name].shape):
            raise RequestError(
                f"{name} must have shape {spec.shape}, got {tensors[name].shape.as_list()}."
            )
    return tensors


def _tensor(value: Any, dtype: Any) -> Any:
    import tensorflow as tf

    if dtype.is_integer and np.any(np.abs(np.asarray(value, dtype=object)) > dtype.max):
        raise ValueError(f"a value is beyond {dtype.max}")  # it would wrap around
    return tf.constant(value, dtype)


def _decode(value: Any) -> Any:
    """Turns every {"b64": text} into bytes."""
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if isinstance(value, dict):
        try:
            if set(value) != {"b64"}:
                raise ValueError(f"an object must be {{'b64': text}}, got {value}")
            return base64.b64decode(value["b64"], validate=True)
        except (TypeError, binascii.Error) as error:
            raise ValueError(f"{value} is no base64") from error
    return value


def _call(function: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    try:
        answer = function(**tensors)
    except tf.errors.InvalidArgumentError as error:
        raise RequestError(_assertion(error.message)) from error
    return {name: _encode(tensor.numpy().tolist()) for name, tensor in answer.items()}


def _assertion(message: str) -> str:
    """Returns what an assertion in the graph says, of all that TensorFlow says about it."""
    lines = (line.strip() for line in message.splitlines())
    said = [line for line in lines if line.startswith("assertion failed: ")]
    return said[0] if said else message


def _encode(value: Any) -> Any:
    """Turns bytes into text."""
    if isinstance(value, list):
        return [_encode(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
