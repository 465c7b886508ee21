"""Loads a SavedModel in a process with nothing but TensorFlow, and asks it.

    python client.py MODEL_FOLDER REQUESTS.json ANSWERS.json

REQUESTS has `known`, sessions that the trainer answered, and `real`, any sessions; item ids are
str, bytes that are no UTF-8 as surrogates. ANSWERS has what the model said to each, how long single
requests took, and which modules were loaded.
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


def timed(ask: Callable[[tf.Tensor], Any], requests: Sequence[tf.Tensor]) -> list[float]:
    """Returns the milliseconds that each request took, after a few that do not count."""
    for request in requests[:WARM_UP]:
        ask(request)
    took = []
    for request in requests:
        began = time.perf_counter()
        ask(request)
        took.append(1e3 * (time.perf_counter() - began))
    return took


def ask(folder: str, requests: Mapping[str, Sessions]) -> dict[str, Any]:
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
        "milliseconds": timed(lambda items: recommend(item_ids=items)["scores"].numpy(), singles),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def main(arguments: Sequence[str]) -> None:
    """Reads the requests and writes the answers."""
    folder, requests, answers = arguments
    with open(requests, encoding="utf-8") as file:
        sessions = json.load(file)
    with open(answers, "w", encoding="utf-8") as file:
        json.dump(ask(folder, sessions), file)


if __name__ == "__main__":
    main(sys.argv[1:])
