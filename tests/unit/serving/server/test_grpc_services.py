"""TensorFlow Serving's gRPC services: calls, versions and labels, errors, deadlines, the token."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from modules.ann.recommender import Signature
from serving.server import run
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from serving.server.place import Place
from serving.server.predictor import Settings
from tests.raw_requests import Store

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def channel(echo_store: ModelStore) -> Iterator[grpc.Channel]:
    server = run.start(echo_store, Place(grpc_port=0), Settings(Limits(rows=50, bytes=100_000)))
    with grpc.insecure_channel(f"localhost:{server.grpc_port}") as channel:
        yield channel
    server.shutdown()


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def _request(signature: str = "recommend", **inputs: Any) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "session-retrieval"
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        is_tensor = isinstance(value, Message)
        request.inputs[name].CopyFrom(value if is_tensor else tf.make_tensor_proto(value))
    return request


def _refused(call: Any, *arguments: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, timeout=30, **options)
    found: Any = error.value
    return found.code(), found.details()


def test_a_call_is_answered_with_tensors_and_the_version(stub: Any) -> None:
    answer, call = stub.Predict.with_call(_request(item_ids=[["a", "b"], ["c", ""]]), timeout=30)
    assert dict(call.trailing_metadata()) == {"x-model-version": "7", "x-model-label": "stable"}
    assert tf.make_ndarray(answer.outputs["item_ids"]).tolist() == [[b"a", b"b"], [b"c", b""]]
    assert tf.make_ndarray(answer.outputs["scores"]).dtype == "float32"
    spec = answer.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (
        *("session-retrieval", 7, "recommend"),
    )


def test_only_the_wanted_outputs_are_sent(stub: Any) -> None:
    request = _request(item_ids=[["a"]])
    request.output_filter.append("scores")
    assert list(stub.Predict(request, timeout=30).outputs) == ["scores"]
    request.output_filter.append("nope")
    code, message = _refused(stub.Predict, request)
    assert (code, "output_filter" in message) == (Code.INVALID_ARGUMENT, True)


def test_versions_and_labels_name_a_model(stub: Any) -> None:
    request = _request(item_ids=[["a"]])
    request.model_spec.version_label = "stable"
    assert stub.Predict(request, timeout=30).model_spec.version.value == 7
    request.model_spec.version_label = "canary"
    assert _refused(stub.Predict, request)[0] == Code.NOT_FOUND
    request.model_spec.version.value = 7
    assert stub.Predict(request, timeout=30).model_spec.version.value == 7
    request.model_spec.version.value = 8
    assert _refused(stub.Predict, request)[0] == Code.NOT_FOUND
    request.model_spec.name = "other"
    assert "not 'other', version 8" in _refused(stub.Predict, request)[1]


def _huge(*shape: int) -> Any:
    """Returns a tensor whose only value stands for all of a shape."""
    tensor = tf.make_tensor_proto([["a"]])
    for dim, size in zip(tensor.tensor_shape.dim, shape, strict=True):
        dim.size = size
    return tensor


@pytest.mark.parametrize(
    ("request_of", "code", "words"),
    [
        (lambda: _request("nope"), Code.INVALID_ARGUMENT, "No signature 'nope'"),
        (lambda: _request(), Code.INVALID_ARGUMENT, "must be exactly item_ids, got none"),
        (lambda: _request(x=[1]), Code.INVALID_ARGUMENT, "must be exactly item_ids, got 'x'"),
        (lambda: _request(item_ids=[[1]]), Code.INVALID_ARGUMENT, "type string, got int32"),
        (lambda: _request(item_ids=["a"]), Code.INVALID_ARGUMENT, "2 dimensions, got shape [1]"),
        (lambda: _request(item_ids=[["a"]] * 51), Code.RESOURCE_EXHAUSTED, "51 rows are too many"),
        (lambda: _request(item_ids=_huge(10**6, 10**6)), Code.RESOURCE_EXHAUSTED, "in few"),
        (lambda: _request(item_ids=_huge(-1, 1)), Code.INVALID_ARGUMENT, "got shape [-1, 1]"),
        (
            lambda: _request(item_ids=tf.make_tensor_proto([["a" * 200_000]])),
            Code.RESOURCE_EXHAUSTED,
            "",
        ),
        (
            lambda: _request(
                "recommend_filtered", item_ids=[["a"]], k=0, exclude=[[""]], session_items="keep"
            ),
            Code.INVALID_ARGUMENT,
            "k must be at least 1, got '0'.",
        ),
        (
            lambda: _request(
                "recommend_filtered",
                item_ids=[["a"]] * 3,
                k=1,
                exclude=[["a"]] * 2,
                session_items="keep",
            ),
            Code.INVALID_ARGUMENT,
            "exclude must have a row for each of the 3 sessions",
        ),
        (lambda: _request("serving_default", examples=["x"]), Code.INVALID_ARGUMENT, "parse"),
    ],
)
def test_a_request_that_means_nothing_is_refused_with_a_reason(
    stub: Any, request_of: Any, code: grpc.StatusCode, words: str
) -> None:
    found = _refused(stub.Predict, request_of())
    assert (found[0], words in found[1]) == (code, True)


def test_a_call_of_another_kind_is_not_implemented(stub: Any) -> None:
    from tensorflow_serving.apis import classification_pb2

    code, words = _refused(stub.Classify, classification_pb2.ClassificationRequest())
    assert (code, "Predict" in words) == (Code.UNIMPLEMENTED, True)


def test_metadata_and_status_are_answered(stub: Any, channel: grpc.Channel) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "session-retrieval"
    assert _refused(stub.GetModelMetadata, request)[0] == Code.INVALID_ARGUMENT
    request.metadata_field.append("signature_def")
    answer = stub.GetModelMetadata(request, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert "recommend" in signatures.signature_def

    models = model_service_pb2_grpc.ModelServiceStub(channel)
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "session-retrieval"
    (found,) = models.GetModelStatus(status, timeout=30).model_version_status
    assert (found.version, found.state) == (7, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    status.model_spec.version.value = 8
    assert _refused(models.GetModelStatus, status)[0] == Code.NOT_FOUND


def test_a_deadline_of_the_client_ends_its_wait_in_the_queue(echo_store: ModelStore) -> None:
    """The call that occupies the model has no such deadline, and is answered."""
    entered, opened = threading.Event(), threading.Event()
    echo = echo_store.current.signatures["recommend"]

    def slow(items: tf.Tensor) -> dict[str, tf.Tensor]:
        entered.set()
        assert opened.wait(30)
        return dict(echo(item_ids=items))

    spec = tf.TensorSpec([None, None], tf.string, "item_ids")
    store: Any = Store({"recommend": Signature(spec, slow)})
    server = run.start(store, Place(grpc_port=0))
    try:
        with grpc.insecure_channel(f"localhost:{server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            first = stub.Predict.future(_request(item_ids=[["a"]]), timeout=30)
            assert entered.wait(30)
            with pytest.raises(grpc.RpcError) as error:
                stub.Predict(_request(item_ids=[["b"]]), timeout=0.3)
            found: Any = error.value
            assert found.code() == Code.DEADLINE_EXCEEDED
            assert _gauge(server, "session_retrieval_queue_length", 0.0)
            opened.set()
            assert first.result().outputs
    finally:
        opened.set()
        server.shutdown()


def _gauge(server: Any, name: str, value: float) -> bool:
    """Waits until a metric has a value."""
    for _ in range(100):
        with urllib.request.urlopen(f"http://localhost:{server.server_port}/metrics") as response:
            if f"\n{name} {value}\n" in response.read().decode():
                return True
        time.sleep(0.05)
    return False


def test_calls_need_the_token(echo_store: ModelStore) -> None:
    server = run.start(echo_store, Place(grpc_port=0, token="secret"))
    try:
        with grpc.insecure_channel(f"localhost:{server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            request = _request(item_ids=[["a"]])
            assert _refused(stub.Predict, request)[0] == Code.UNAUTHENTICATED
            wrong = [("authorization", "Bearer other")]
            assert _refused(stub.Predict, request, metadata=wrong)[0] == Code.UNAUTHENTICATED
            right = [("authorization", "Bearer secret")]
            assert stub.Predict(request, timeout=30, metadata=right).outputs
    finally:
        server.shutdown()


def test_a_fault_of_the_server_is_named_without_its_trace(
    echo_store: ModelStore, caplog: pytest.LogCaptureFixture
) -> None:
    store: Any = Store({"recommend": object()})  # which is no function
    server = run.start(store, Place(grpc_port=0))
    try:
        with grpc.insecure_channel(f"localhost:{server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            found = _refused(stub.Predict, _request(item_ids=[["a"]]))
            assert found == (Code.INTERNAL, "The server failed to answer; see its log.")
    finally:
        server.shutdown()
    assert "AttributeError" in caplog.text
