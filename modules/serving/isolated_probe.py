"""Loads a SavedModel in a process with nothing but TensorFlow, and calls it.

    python isolated_probe.py MODEL_FOLDER REQUESTS.json ANSWERS.json

REQUESTS has `known`, sessions that the trainer answered, and `real`, any sessions; item ids are
str, with surrogates for bytes that are not valid UTF-8. ANSWERS has the model's answers, the times
of single requests by `timed`, and the modules that were loaded.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

WARM_UP = 5

Sessions = Sequence[Sequence[str]]


def encode(item_id: str) -> bytes:
    """Returns the bytes of an id."""
    return item_id.encode("utf-8", "surrogateescape")


def padded(sessions: Sessions) -> tf.Tensor:
    """Returns sessions as a string tensor `[sessions, longest]`, padded with ''."""
    longest = max(map(len, sessions), default=0)
    rows = [[encode(i) for i in row] + [b""] * (longest - len(row)) for row in sessions]
    return tf.reshape(tf.constant(rows, tf.string), [len(sessions), longest])


def serialized(sessions: Sessions) -> tf.Tensor:
    """Returns sessions as serialized tf.Examples, string `[sessions]`."""
    examples = []
    for session in sessions:
        ids = tf.train.BytesList(value=[encode(item) for item in session])
        feature = {"item_ids": tf.train.Feature(bytes_list=ids)}
        examples.append(tf.train.Example(features=tf.train.Features(feature=feature)))
    return tf.constant([example.SerializeToString() for example in examples], tf.string)


def plain(answer: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """Returns an answer as lists."""
    ids = [
        [item.decode("utf-8", "surrogateescape") for item in row]
        for row in answer["item_ids"].numpy().tolist()
    ]
    return {"item_ids": ids, "scores": answer["scores"].numpy().tolist()}


@tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
def _empty(request: tf.Tensor) -> tf.Tensor:
    """Returns its input: what calling TensorFlow from Python costs."""
    return tf.identity(request)


def timed(
    calls: Mapping[str, Callable[[tf.Tensor], Any]], requests: Sequence[tf.Tensor]
) -> dict[str, Any]:
    """Times models that take turns; after each turn come empty calls, for as long.

    Args:
      calls: functions by name; each returns when its answer is there.
      requests: inputs, string; the first few also warm up.

    Returns:
      `milliseconds` and `cpu_milliseconds`, of all threads, of each request by name; and `delay`,
      the wall time of the empty calls as a multiple of their CPU time: 1 if no process waited for
      the same cores.
    """
    for request in requests[:WARM_UP]:
        for call in (*calls.values(), _empty):
            call(request)
    found: dict[str, dict[str, list[float]]] = {
        kind: {name: [] for name in calls} for kind in ("milliseconds", "cpu_milliseconds")
    }
    waited = worked = 1e-9
    for request in requests:
        turn = 0.0
        for name, call in calls.items():
            wall, cpu = _once(call, request)
            found["milliseconds"][name].append(1e3 * wall)
            found["cpu_milliseconds"][name].append(1e3 * cpu)
            turn += wall
        end = time.perf_counter() + turn
        while time.perf_counter() < end:
            wall, cpu = _once(_empty, request)
            waited, worked = waited + wall, worked + cpu
    return {**found, "delay": waited / worked}


def _once(call: Callable[[tf.Tensor], Any], request: tf.Tensor) -> tuple[float, float]:
    """Returns the seconds of wall and of CPU time that a call takes."""
    began, cpu = time.perf_counter(), time.process_time()
    call(request)
    return time.perf_counter() - began, time.process_time() - cpu


def call_model(requests: Mapping[str, Sessions], folder: str) -> dict[str, Any]:
    """Loads the model and sends all requests."""
    began = time.perf_counter()
    model = tf.saved_model.load(folder)
    load_seconds = time.perf_counter() - began
    recommend = model.signatures["recommend"]
    by_examples = model.signatures["serving_default"]
    real = requests["real"]
    singles = [padded([session]) for session in real]
    return {
        "signatures": sorted(model.signatures),
        "load_seconds": load_seconds,
        "known": plain(recommend(item_ids=padded(requests["known"]))),
        "real": plain(recommend(item_ids=padded(real))),
        "real_as_examples": plain(by_examples(examples=serialized(real))),
        "fallback": plain(recommend(item_ids=padded([[], ["\udcff no item has this id"]]))),
        "times": timed(
            {"recommend": lambda items: recommend(item_ids=items)["scores"].numpy()}, singles
        ),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def main(call: Callable[..., dict[str, Any]]) -> None:
    """Reads the requests, calls the models of the command line, and writes the answers."""
    folder, requests, answers, *other_folders = sys.argv[1:]
    with open(requests, encoding="utf-8") as file:
        sessions = json.load(file)
    with open(answers, "w", encoding="utf-8") as file:
        json.dump(call(sessions, folder, *other_folders), file)


if __name__ == "__main__":
    main(call_model)
