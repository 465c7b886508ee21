"""TensorFlow Serving's gRPC API.

`tensorflow-serving-api` makes requests of TensorFlow's own messages, so that TensorFlow is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client.addresses import Address, is_this_machine
from serving.client.errors import ServerError
from serving.client.requests import Page, Reply, Request
from serving.client.retries import Deadline

_MODEL = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?")
_INVALID, _NOT_FOUND, _TOO_LARGE = 400, 404, 413
# Of REST's answers for the same errors. Others, such as an unknown one, are the server's fault.
_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: _INVALID,
    grpc.StatusCode.FAILED_PRECONDITION: _INVALID,
    grpc.StatusCode.OUT_OF_RANGE: _INVALID,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: _NOT_FOUND,
    # gRPC's own code for a message that is too large; who is too busy is UNAVAILABLE.
    grpc.StatusCode.RESOURCE_EXHAUSTED: _TOO_LARGE,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
_UNANSWERED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}
_SERVERS_FAULT = 500
_MOST_BYTES = 64 << 20  # of an answer; gRPC's own limit, 4 MB, is less than 500 sessions may take
_RECONNECT_MS = {"initial": 50, "min": 50, "max": 1000}  # sooner than gRPC's own second


class GrpcTransport:
    """Sends requests to one model; the channel is shared by all threads, and connects again."""

    def __init__(self, address: Address) -> None:
        """Makes the channel, which connects with the first request.

        Raises:
          ServerError: the address does not name a model.
        """
        named = _MODEL.fullmatch(address.model)
        if named is None:
            raise ServerError(
                "gRPC needs an address like grpc://localhost:8500, maybe with /v1/models/NAME, "
                f"got {address.url!r}."
            )
        self._url = address.url
        self._name, self._version, self._label = named.groups()
        options = [
            ("grpc.enable_http_proxy", int(not is_this_machine(address.host))),
            ("grpc.max_receive_message_length", _MOST_BYTES),
            *((f"grpc.{name}_reconnect_backoff_ms", ms) for name, ms in _RECONNECT_MS.items()),
        ]
        self._channel = grpc.insecure_channel(address.server, options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def send(self, request: Request, deadline: Deadline) -> Reply:
        """Sends a request once; see `Transport`."""
        message = self._message(request)
        try:
            answer, call = self._stub.Predict.with_call(
                message, timeout=deadline.left(), metadata=tuple(request.headers.items())
            )
        except TimeoutError as error:
            raise ServerError(
                f"{self._url} does not answer: {error}.", is_unanswered=True
            ) from error
        except grpc.RpcError as error:
            raise self._error(error, request.label) from error
        try:
            outputs = {name: _values(value) for name, value in answer.outputs.items()}
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ServerError(f"{self._url} answered what is not a tensor: {error}") from error
        spec, label = answer.model_spec, dict(call.trailing_metadata() or ()).get("x-model-label")
        version = str(spec.version.value) if spec.HasField("version") else None
        return Reply(outputs, version, label or None)

    def page(self, path: str, headers: Mapping[str, str], deadline: Deadline) -> Page | None:
        """Returns None: gRPC has no paths."""
        return None

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _message(self, request: Request) -> Any:
        message = predict_pb2.PredictRequest()
        spec = message.model_spec
        spec.name, spec.signature_name = self._name, request.signature
        label = request.label or self._label
        if label is not None:
            spec.version_label = label
        elif self._version is not None:
            spec.version.value = int(self._version)
        for name, value in request.inputs.items():
            message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return message

    def _error(self, error: Any, label: str | None) -> ServerError:
        code, reason = error.code(), error.details() or ""
        if code in _UNANSWERED:
            return ServerError(
                f"{self._url} does not answer: {code.name}, {reason}. Is a server running there?",
                is_unanswered=True,
            )
        status = _STATUSES.get(code, _SERVERS_FAULT)
        is_about_label = status == _NOT_FOUND or (status == _INVALID and "label" in reason.lower())
        return ServerError(
            f"{self._url} answered {code.name}: {reason}",
            status,
            is_label_missing=label is not None and is_about_label,
        )


def _values(tensor: Any) -> Any:
    """Returns a tensor as REST's answers have it: nested lists, and text instead of bytes."""
    values = tf.make_ndarray(tensor)
    if values.dtype != object:
        return values.tolist()
    texts = [value.decode("utf-8", "replace") for value in values.ravel()]
    found = values.copy()
    found.ravel()[:] = texts
    return found.tolist()
