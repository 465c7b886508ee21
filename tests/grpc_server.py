"""A gRPC server of TensorFlow Serving's published service definition, with scripted answers."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

CODES = grpc.StatusCode


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers session items as recommended ones, by the labels that it knows; keeps requests."""

    def __init__(self, labels: dict[str, int], failures: list[grpc.StatusCode], pause: float):
        self.labels, self.failures, self.pause = labels, failures, pause
        self.seen: list[tuple[Any, dict[str, str]]] = []

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.seen.append((request, dict(context.invocation_metadata())))
        time.sleep(self.pause)
        if self.failures:
            context.abort(self.failures.pop(0), "as scripted")
        label = request.model_spec.version_label
        if label and label not in self.labels:
            reason = f"Unrecognized servable version label: {label}"  # TensorFlow Serving's words
            context.abort(CODES.INVALID_ARGUMENT, reason)
        response = predict_pb2.PredictResponse()
        if label:
            response.model_spec.version.value = self.labels[label]
        ids = tf.make_ndarray(request.inputs["item_ids"])
        response.outputs["item_ids"].CopyFrom(tf.make_tensor_proto(ids))
        response.outputs["scores"].CopyFrom(tf.make_tensor_proto(tf.ones(ids.shape)))
        return response


class GrpcServer:
    """The server's address, and what it saw."""

    def __init__(self, service: PredictionService, port: int) -> None:
        self.service, self.url = service, f"grpc://127.0.0.1:{port}"

    @property
    def seen(self) -> list[tuple[Any, dict[str, str]]]:
        return self.service.seen


@contextlib.contextmanager
def grpc_server(
    *failures: grpc.StatusCode,
    labels: dict[str, int] | None = None,
    pause: float = 0.0,
    port: int = 0,
) -> Iterator[GrpcServer]:
    """Starts a server, and ends it."""
    service = PredictionService(labels or {}, list(failures), pause)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield GrpcServer(service, bound)
    finally:
        server.stop(None).wait()
