"""A small model that answers what it was called with, so that nothing has to be trained."""

from __future__ import annotations

import base64
import http.client
import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from serving.server.calls import run
from serving.server.http.predict_api import answer_body, read_request
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from serving.server.request_values import RequestError

PREDICT = "/v1/models/session-retrieval:predict"
TEXT, NUMBER = tf.string, tf.int32


class Echo(tf.Module):
    """Has the inputs of the exported model, and answers how many rows it saw at once."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], TEXT, "item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        items = item_ids[:, :2]
        rows = tf.cast(tf.shape(items)[0], tf.float32)
        return {"item_ids": items, "scores": tf.fill(tf.shape(items), rows)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], TEXT, "item_ids"),
            tf.TensorSpec([], NUMBER, "k"),
            tf.TensorSpec([None, None], TEXT, "exclude"),
            tf.TensorSpec([], TEXT, "session_items"),
        ]
    )
    def filtered(
        self, item_ids: tf.Tensor, k: tf.Tensor, exclude: tf.Tensor, session_items: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_positive(k, "k must be at least 1")]):
            rows = tf.shape(item_ids)[0]
        is_keep = tf.equal(session_items, "keep")
        with tf.control_dependencies([tf.Assert(is_keep, ["must be keep, got", session_items])]):
            rows = tf.identity(rows)
        return {"item_ids": item_ids, "exclude": tf.broadcast_to(exclude[:, :1], [rows, 1])}

    @tf.function(input_signature=[tf.TensorSpec([None], TEXT, "examples")])
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"item_ids": tf.io.RaggedFeature(TEXT, row_splits_dtype=tf.int64)}
        items = tf.io.parse_example(examples, spec)["item_ids"].to_tensor("")
        shape = tf.repeat(tf.shape(items)[None], tf.shape(items)[0], axis=0)
        return {"shape": shape}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "weights")])
    def weigh(self, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"weights": weights}


def save(folder: Path) -> None:
    """Writes the SavedModel."""
    model = Echo()
    signatures = {
        "recommend": model.recommend,
        "recommend_filtered": model.filtered,
        "serving_default": model.evaluate,
        "evaluate": model.evaluate,
        "weigh": model.weigh,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)


def call(store: ModelStore, signature: str, inputs: Any, limits: Limits = Limits()) -> Any:  # noqa: B008
    """Returns the outputs of a signature for JSON values."""
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    request = read_request(store.current, body, limits)
    return json.loads(answer_body(run(request.call), request.by_row))["outputs"]


def refused(store: ModelStore, signature: str, inputs: Any, limits: Limits = Limits()) -> str:  # noqa: B008
    """Returns the message of a request that is answered 400."""
    with pytest.raises(RequestError) as error:
        call(store, signature, inputs, limits)
    assert error.value.status == 400
    return str(error.value)


def too_large(store: ModelStore, signature: str, inputs: Any, limits: Limits) -> str:
    """Returns the message of a request that is answered 413."""
    with pytest.raises(RequestError) as error:
        call(store, signature, inputs, limits)
    assert error.value.status == 413
    return str(error.value)


def filtered(**changes: Any) -> dict[str, Any]:
    """Returns the inputs of `recommend_filtered` with changes; `...` leaves an input out."""
    given = {"item_ids": [["a"]], "k": 10, "exclude": [[""]], "session_items": "keep", **changes}
    return {name: value for name, value in given.items() if value is not ...}


def example(*items: str) -> dict[str, str]:
    """Returns the JSON of a serialized tf.Example with a session's items."""
    values = tf.train.BytesList(value=[item.encode() for item in items])
    features = tf.train.Features(feature={"item_ids": tf.train.Feature(bytes_list=values)})
    serialized = tf.train.Example(features=features).SerializeToString()
    return {"b64": base64.b64encode(serialized).decode()}


def post(server: Any, body: bytes) -> tuple[int, Any]:
    """Sends a body to the predict API of a server; returns status and answer."""
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    connection.request("POST", PREDICT, body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())
