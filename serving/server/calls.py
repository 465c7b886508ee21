"""Calls of a model's signatures with arrays, a few rows at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from modules.messages.quoting import quote, with_rest
from serving.pushed_models import SESSIONS_AT_ONCE
from serving.server.model_store import ServedModel
from serving.server.request_values import Array, RequestError

Arrays = Mapping[str, Array]

# Most scores, rows times the catalogue, that are in memory at once.
_SCORES_AT_ONCE = 1 << 24
# Most values of examples, padded to the longest, that are in memory at once.
_CELLS_AT_ONCE = 1 << 20
# Signatures whose answers are as wide as the longest of all sessions.
_WHOLE = ("evaluate",)
_MESSAGE = 1_000  # characters of a message of TensorFlow, which repeats inputs
_NODE = re.compile(r"^\s*\{\{function_node \w+\}\} ")


class Call(NamedTuple):
    """A signature of a model with its inputs."""

    model: ServedModel
    signature: str
    arrays: Arrays

    @property
    def rows(self) -> int:
        """Number of sessions, items or examples."""
        return rows_of(self.arrays)

    @property
    def cells(self) -> int:
        """Number of values of all inputs."""
        return sum(array.size for array in self.arrays.values())


def rows_of(arrays: Arrays) -> int:
    """Returns the number of rows of a signature's inputs."""
    return max((len(array) for array in arrays.values() if array.ndim), default=0)


def run(call: Call) -> dict[str, Array]:
    """Calls the signature for each part of the rows, and concatenates the answers.

    Raises:
      RequestError: TensorFlow refuses an input.
    """
    import tensorflow as tf

    function, specs = call.model.signatures[call.signature], call.model.specs(call.signature)
    is_whole = call.signature in _WHOLE
    parts = [call.arrays] if is_whole else _parts(call.arrays, call.model.catalogue_size)
    answers: list[dict[str, Array]] = []
    for part in parts:
        tensors = {name: tf.constant(part[name], spec.dtype) for name, spec in specs.items()}
        try:
            answer = function(**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(_assertion(error.message)) from error
        except UnicodeDecodeError as error:
            # TensorFlow raised it from a message that repeats bytes of the request.
            message = error.object.decode("utf-8", "backslashreplace")
            raise RequestError(_assertion(message)) from error
        answers.append({name: tensor.numpy() for name, tensor in answer.items()})
    return _concatenated(answers)


def _concatenated(answers: list[dict[str, Array]]) -> dict[str, Array]:
    if len(answers) == 1:
        return answers[0]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def most_rows_at_once(catalogue_size: int) -> int:
    """Returns how many rows are scored at once; fewer of a huge catalogue."""
    return max(1, min(SESSIONS_AT_ONCE, _SCORES_AT_ONCE // max(catalogue_size, 1)))


def _parts(arrays: Arrays, catalogue_size: int) -> Iterator[Arrays]:
    """Yields parts of a few rows; inputs without rows are in all parts."""
    at_once, rows = most_rows_at_once(catalogue_size), rows_of(arrays)
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


def joined(calls: Iterable[Call]) -> Call:
    """Returns one call with the rows of several of one signature, padded with empty strings.

    Args:
      calls: calls of one model and signature, whose inputs without rows are equal.
    """
    several = list(calls)
    if len(several) == 1:
        return several[0]
    names = several[0].arrays
    arrays = {name: _joined([(call.arrays[name], call.rows) for call in several]) for name in names}
    return several[0]._replace(arrays=arrays)


def _joined(inputs: list[tuple[Array, int]]) -> Array:
    """Concatenates an input of several calls, given with their numbers of rows."""
    first, _ = inputs[0]
    if first.ndim == 0:
        return first
    total = sum(rows for _, rows in inputs)
    width = () if first.ndim == 1 else (max(array.shape[1] for array, _ in inputs),)
    found = np.full((total, *width), b"", object)
    start = 0
    for array, rows in inputs:
        # An input of one row, such as no filter, is for all rows of its call.
        place = (slice(start, start + rows), *(slice(size) for size in array.shape[1:]))
        found[place] = array
        start += rows
    return found
