"""TensorFlow Serving's gRPC services PredictionService and ModelService.

https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis: Predict,
GetModelMetadata and GetModelStatus are answered; Classify, Regress and MultiInference, for other
kinds of models, and changes of the configuration are not implemented.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from modules.messages.quoting import quote
from modules.releases.server_config import MODEL_NAME
from serving.server.access import check_token
from serving.server.batching import BusyError, LateError
from serving.server.calls import Call, rows_of
from serving.server.http.predict_api import DEFAULT_SIGNATURE, check_signature
from serving.server.metrics import OTHER
from serving.server.model_metadata import SIGNATURE_DEF, metadata
from serving.server.model_store import ServedModel
from serving.server.predictor import Predictor, Sender
from serving.server.request_values import Array, RequestError, check_rows_agree

_LOG = logging.getLogger(__name__)
_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_REPEATED = 1_000  # values that may stand for others
Context = Any
"""grpc's `aio.ServicerContext`, which has no types."""


class Services:
    """Both services, with the models of a predictor; added to a server by `add`."""

    def __init__(self, predictor: Predictor, token: str | None = None) -> None:
        """Keeps the predictor, and the token that clients must give."""
        self._predictor, self._token = predictor, token

    def add(self, server: grpc.aio.Server) -> None:
        """Adds both services to a server."""
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Prediction(self), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(self), server)

    async def predict(
        self, request: predict_pb2.PredictRequest, context: Context
    ) -> predict_pb2.PredictResponse:
        """Calls a signature."""
        began, name, label = time.perf_counter(), OTHER, ""
        code = grpc.StatusCode.OK

        async def answer() -> predict_pb2.PredictResponse:
            nonlocal name, label
            model = self._model(request.model_spec)
            name = check_signature(model, request.model_spec.signature_name or DEFAULT_SIGNATURE)
            sender = _sender(context)
            predictor = self._predictor
            arrays = await predictor.run(
                request.ByteSize() // 10, self._arrays, model, name, request.inputs
            )
            call = Call(model, name, arrays)
            if request.model_spec.WhichOneof("version_choice") is None:
                call = self._predictor.assigned(call, sender)
            label = self._predictor.store.served.label(call.model)
            context.set_trailing_metadata(
                (("x-model-version", str(call.model.version)), ("x-model-label", label))
            )
            left = context.time_remaining()
            outputs = await self._predictor.answer(call, sender, began, left)
            values = sum(array.size for array in outputs.values())
            return await predictor.run(values, _response, call, outputs, request.output_filter)

        try:
            with self._predictor.metrics.open.track_inprogress():
                return await self._answered(context, answer)
        except BaseException:
            code = context.code() or grpc.StatusCode.CANCELLED
            raise
        finally:
            seconds = time.perf_counter() - began
            self._predictor.metrics.answered("grpc", name, label, code.name, seconds)

    async def describe(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of a model."""

        async def answer() -> get_model_metadata_pb2.GetModelMetadataResponse:
            others = [field for field in request.metadata_field if field != SIGNATURE_DEF]
            if others or not request.metadata_field:
                raise RequestError(f"metadata_field must be [{SIGNATURE_DEF!r}].")
            return metadata(self._model(request.model_spec))

        return await self._answered(context, answer)

    async def status(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Context
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the versions that are loaded."""

        async def answer() -> get_model_status_pb2.GetModelStatusResponse:
            model = self._model(request.model_spec)
            is_of_one = request.model_spec.WhichOneof("version_choice") is not None
            found = [model] if is_of_one else self._predictor.store.served.models.values()
            response = get_model_status_pb2.GetModelStatusResponse()
            for one in sorted(found, key=lambda model: -model.version):
                state = response.model_version_status.add()
                state.version = one.version
                state.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
            return response

        return await self._answered(context, answer)

    async def _answered(self, context: Context, answer: Callable[[], Awaitable[Any]]) -> Any:
        """Returns an answer, or ends the call with what went wrong."""
        try:
            if self._token is not None:
                given = _metadata(context).get("authorization", "")
                if refusal := check_token(given, self._token):
                    raise RequestError(refusal[1], refusal[0])
            return await answer()
        except RequestError as error:
            status, message = _STATUS[error.status], str(error)
        except BusyError:
            status, message = _STATUS[503], "Too many requests wait; try again."
        except LateError:
            status, message = _STATUS[504], "The answer was not ready in time."
        except Exception:
            _LOG.exception("A request was not answered:")
            status, message = _STATUS[500], "The server failed to answer; see its log."
        # Only UTF-8 can be sent.
        await context.abort(status, message.encode("utf-8", "backslashreplace").decode())

    def _model(self, spec: model_pb2.ModelSpec) -> ServedModel:
        which = spec.WhichOneof("version_choice")
        version = spec.version.value if which == "version" else None
        label = spec.version_label if which == "version_label" else None
        return self._predictor.model(spec.name, version, label)

    def _arrays(
        self, model: ServedModel, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, Array]:
        specs, limits = model.specs(signature), self._predictor.settings.limits
        if set(inputs) != set(specs):
            found = ", ".join(quote(name, 50) for name in sorted(inputs)[:5]) or "none"
            raise RequestError(f"inputs must be exactly {', '.join(specs)}, got {found}.")
        arrays = {
            name: _array(name, inputs[name], spec, limits.bytes) for name, spec in specs.items()
        }
        limits.check_row_count(rows_of(arrays))
        check_rows_agree(arrays)
        limits.check(signature, arrays, model.catalogue_size)
        return arrays


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The methods by the names of the service's definition."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def Predict(self, request: Any, context: Context) -> Message:
        return await self._services.predict(request, context)

    async def Classify(self, request: Any, context: Context) -> Message:
        return await _not_implemented(context)

    async def Regress(self, request: Any, context: Context) -> Message:
        return await _not_implemented(context)

    async def MultiInference(self, request: Any, context: Context) -> Message:
        return await _not_implemented(context)

    async def GetModelMetadata(self, request: Any, context: Context) -> Message:
        return await self._services.describe(request, context)


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    """The methods by the names of the service's definition."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def GetModelStatus(self, request: Any, context: Context) -> Message:
        return await self._services.status(request, context)

    async def HandleReloadConfigRequest(self, request: Any, context: Context) -> Message:
        return await _not_implemented(context)


async def _not_implemented(context: Context) -> Any:
    words = "This server answers Predict, GetModelMetadata and GetModelStatus alone."
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, words)


def _metadata(context: Context) -> dict[str, str]:
    found = context.invocation_metadata() or ()
    return {key: value for key, value in found if isinstance(value, str)}


def _sender(context: Context) -> Sender:
    found = _metadata(context)
    return Sender(found.get("x-session-id", ""), found.get("x-visitor-id", ""))


def _array(name: str, tensor: Any, spec: Any, most: int) -> Array:
    """Returns the array of an input.

    Raises:
      RequestError: it has another type or shape than the signature's, or more values than a request
        may have: a shape alone makes TensorFlow repeat one value.
    """
    try:
        dtype = tf.dtypes.as_dtype(tensor.dtype) if tensor.dtype else None
    except TypeError:
        dtype = None
    if dtype != spec.dtype:
        found = dtype.name if dtype else "none"
        raise RequestError(f"{name} must have the type {spec.dtype.name}, got {found}.")
    shape = [size.size for size in tensor.tensor_shape.dim]
    if len(shape) != spec.shape.rank or min(shape, default=0) < 0:
        raise RequestError(f"{name} must have {spec.shape.rank} dimensions, got shape {shape}.")
    # A tensor with fewer values than its shape repeats the last one.
    values = math.prod(shape)
    if values > most or values > max(_REPEATED, len(tensor.string_val)):
        raise RequestError(f"{name} must have its values, got those of shape {shape} in few.", 413)
    try:
        array: Array = tf.make_ndarray(tensor)
    except (TypeError, ValueError, IndexError) as error:
        raise RequestError(f"{name} is not a valid tensor: {error}.") from error
    if array.dtype == object and not all(isinstance(value, bytes) for value in array.flat):
        raise RequestError(f"{name} is not a valid tensor.")
    return array


def _response(call: Call, outputs: Mapping[str, Array], wanted: Any) -> predict_pb2.PredictResponse:
    unknown = [name for name in wanted if name not in outputs]
    if unknown:
        raise RequestError(
            f"output_filter must name outputs of {', '.join(sorted(outputs))}, got "
            f"{quote(unknown[0])}."
        )
    response = predict_pb2.PredictResponse()
    response.model_spec.name = MODEL_NAME
    response.model_spec.version.value = call.model.version
    response.model_spec.signature_name = call.signature
    for name in wanted or outputs:
        array = outputs[name]
        if array.dtype == object:
            tensor = response.outputs[name]
            tensor.dtype = tf.string.as_datatype_enum
            for size in array.shape:
                tensor.tensor_shape.dim.add(size=size)
            tensor.string_val.extend(array.ravel().tolist())
        else:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(np.ascontiguousarray(array)))
    return response
