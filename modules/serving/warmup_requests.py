"""Requests that a server answers when it loads a model, so that no shopper pays the first calls.

The first call of each signature takes up to seconds. TensorFlow Serving replays these records of
its own format by itself, see its documentation on SavedModel warm-up; the local server does too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from modules.sessions.examples import ExampleEncoder
from modules.tf_datasets import without_autotuning

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
BATCHES = (1, 32)
UNKNOWN_ITEM = b"\xff unknown"
"""No model knows it, so sessions with it take the other way through the graph."""

Session = Sequence[bytes]


def write_warmup_requests(folder: str, sessions: Sequence[Session]) -> None:
    """Writes requests for all signatures into a SavedModel's folder.

    Args:
      folder: folder of the SavedModel.
      sessions: item ids in time order, with which the model is called; may be empty.
    """
    path = os.path.join(folder, FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for last in ([], [UNKNOWN_ITEM]):
            for size in BATCHES:
                some = sessions or [[b""]]
                batch = [[*some[row % len(some)], *last] for row in range(size)]
                for signature, inputs in _requests(batch):
                    writer.write(_log(signature, inputs).SerializeToString())


def replay_warmup_requests(folder: str, signatures: Mapping[str, Callable[..., Any]]) -> int:
    """Answers the requests of a SavedModel's folder, and returns how many there are.

    Args:
      folder: folder of the SavedModel; models of former versions have no requests.
      signatures: functions by name; requests of others are left out.
    """
    path, count = os.path.join(folder, FILE), 0
    if not tf.io.gfile.exists(path):
        return 0
    for record in without_autotuning(tf.data.TFRecordDataset(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        function = signatures.get(request.model_spec.signature_name)
        if function is not None:
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            function(**{name: tf.constant(value) for name, value in inputs.items()})
            count += 1
    return count


def _requests(batch: Sequence[Session]) -> Iterator[tuple[str, dict[str, tf.Tensor]]]:
    """Yields a signature and its inputs, for each signature of `Recommender`."""
    length = max(map(len, batch))
    sessions = tf.constant([[*session, *[b""] * (length - len(session))] for session in batch])
    encode = ExampleEncoder().encode
    examples = tf.constant(
        [
            encode(b"%d" % row, 0, list(session), list(range(len(session))))
            for row, session in enumerate(batch)
        ]
    )
    nothing = tf.fill([len(batch), 1], b"")
    rules = {
        "k": tf.constant(20),
        "exclude": nothing,
        "allow": nothing,
        "session_items": tf.constant(b"keep"),
    }
    yield "recommend", {"item_ids": sessions}
    yield "serving_default", {"examples": examples}
    yield "recommend_filtered", {"item_ids": sessions, **rules}
    yield "embed_query", {"item_ids": sessions}
    yield "embed_items", {"item_ids": sessions[:, 0]}
    yield "evaluate", {"examples": examples}
    yield "eval_features", {"examples": examples}


def _log(signature: str, inputs: Mapping[str, tf.Tensor]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
    return log
