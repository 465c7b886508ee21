"""TensorFlow Serving's predict REST API for the signatures of a SavedModel.

https://www.tensorflow.org/tfx/serving/api_rest: `inputs` (one value per input) is answered with
`outputs`, `instances` (one object per row) with `predictions`. Bytes are {"b64": "..."} in JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modules.messages.quoting import quote, with_rest
from serving.limits import Limits
from serving.pushed_models import SESSIONS_AT_ONCE
from serving.request_values import Array, RequestError, by_name, read_arrays, shown

DEFAULT_SIGNATURE = "serving_default"
# Most scores, rows times the catalogue, that are in memory at once.
_SCORES_AT_ONCE = 1 << 24
# Most values of examples, padded to the longest, that are in memory at once.
_CELLS_AT_ONCE = 1 << 20
# Signatures whose answers are as wide as the longest of all sessions.
_WHOLE = ("evaluate",)
_MESSAGE = 1_000  # characters of a message of TensorFlow, which repeats inputs
_NODE = re.compile(r"^\s*\{\{function_node \w+\}\} ")


def predict(
    signatures: Mapping[str, Any],
    body: bytes,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    catalogue_size: int = 0,
) -> dict[str, Any]:
    """Answers the body of a predict request.

    Args:
      signatures: signatures of a loaded SavedModel.
      body: JSON text.
      limits: limits of a request.
      catalogue_size: number of items in the catalogue, 0 if unknown.

    Returns:
      The answer, as a JSON object.

    Raises:
      RequestError: the request, or a value in it, does not fit the signature or is too large.
    """
    request = _read(body)
    name = request.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str) or name not in signatures:
        there = ", ".join(sorted(signatures))
        found = quote(name) if isinstance(name, str) else shown(name)
        raise RequestError(f"No signature {found}; there are: {there}.")
    function = signatures[name]
    specs = dict(sorted(function.structured_input_signature[1].items()))
    by_row = "instances" in request
    values = _columns(request["instances"], specs) if by_row else request["inputs"]
    values = by_name(values, list(specs))
    limits.check_rows(values)
    arrays = read_arrays(values, specs)
    limits.check(name, arrays, catalogue_size)
    parts = [arrays] if name in _WHOLE else _parts(arrays, catalogue_size)
    outputs = _call(function, specs, parts)
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


def _call(
    function: Any, specs: Mapping[str, Any], parts: Iterable[Mapping[str, Array]]
) -> dict[str, Any]:
    """Calls the signature for each part of the rows, and concatenates the answers."""
    import tensorflow as tf

    outputs: dict[str, list[Any]] = {}
    for part in parts:
        tensors = {name: tf.constant(part[name], specs[name].dtype) for name in specs}
        try:
            answer = function(**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(_assertion(error.message)) from error
        except UnicodeDecodeError as error:
            # TensorFlow raised it from a message that repeats bytes of the request.
            message = error.object.decode("utf-8", "backslashreplace")
            raise RequestError(_assertion(message)) from error
        for name, tensor in answer.items():
            outputs.setdefault(name, []).extend(_encode(tensor.numpy().tolist()))
    return outputs


def _parts(arrays: Mapping[str, Array], catalogue_size: int) -> Iterator[dict[str, Array]]:
    """Yields parts of a few rows; inputs without rows are in all parts."""
    at_once = max(1, min(SESSIONS_AT_ONCE, _SCORES_AT_ONCE // max(catalogue_size, 1)))
    rows = max((len(array) for array in arrays.values() if array.ndim), default=0)
    sizes = [len(example) for example in arrays.get("examples", ())]
    start = 0
    while True:
        end = min(start + at_once, rows)
        while end > start + 1 and (end - start) * max(sizes[start:end], default=0) > _CELLS_AT_ONCE:
            end = start + (end - start) // 2
        yield {
            name: array[start:end] if array.ndim and len(array) == rows else array
            for name, array in arrays.items()
        }
        start = end
        if start >= rows:
            return


def _assertion(message: str) -> str:
    """Returns the message of an assertion in the graph, without what TensorFlow adds to it."""
    lines = (_NODE.sub("", line).strip() for line in message.splitlines())
    said = next((line for line in lines if line.startswith("assertion failed: ")), "")
    parts = re.findall(r"\[(.*?)\](?= \[|$)", said)
    if len(parts) < 2:
        return with_rest(message[:_MESSAGE], len(message) - _MESSAGE)
    words = parts[0].rstrip(". ").removesuffix(", got")
    return f"{words}, got {quote(parts[-1])}."


def _encode(value: Any) -> Any:
    """Decodes bytes in nested lists."""
    if isinstance(value, list):
        return [_encode(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
