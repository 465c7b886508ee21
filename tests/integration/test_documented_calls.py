"""The requests of docs/serving.md, with other ids and ports, sent to servers of both protocols.

TensorFlow Serving's binary is not at hand: gRPC is answered by a server made of its own published
service definition, REST by the server of `demo.py`.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pipeline import recommender
from serving import app
from serving.model_store import ModelStore

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text("utf-8")
SESSION = ["133278", "119698"]  # of the document


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict of one model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def Predict(self, request: Any, context: Any) -> Any:
        assert request.model_spec.name == "session-retrieval"
        signature = self._model.signatures[request.model_spec.signature_name]
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in signature(**{k: tf.constant(v) for k, v in inputs.items()}).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture
def grpc_port(saved_model: Any) -> Iterator[int]:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(saved_model), server
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture
def rest_port(trained: Any) -> Iterator[int]:
    server = app.start(ModelStore(lambda: trained.folder / "model"), "localhost", 0)
    yield server.server_port
    server.shutdown()


@pytest.fixture
def session(sample: Any) -> list[str]:
    """Two items that the model knows, in place of the document's."""
    return list(sample.sessions["train"][0])[:2]


def _with_items(code: str, items: list[str]) -> str:
    for documented, known in zip(SESSION, items, strict=True):
        assert documented in code
        code = code.replace(documented, known)
    return code


def _recommended(model: Any, session: list[str], count: int) -> list[str]:
    (answer,) = recommender.recommend(model, [session], count)
    return [item.item_id for item in answer]


def test_grpc(
    grpc_port: int, session: list[str], saved_model: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(import grpc.*?)```", DOCUMENT, re.DOTALL)
    code = _with_items(code.replace("localhost:8500", f"localhost:{grpc_port}"), session)

    exec(compile(code, "docs/serving.md", "exec"), {})

    printed = re.findall(r"b'(\w+)'", capsys.readouterr().out)
    assert printed == _recommended(saved_model, session, 10)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(rest_port: int, session: list[str], saved_model: Any) -> None:
    commands = re.findall(r"^curl .*?'$", DOCUMENT, re.DOTALL | re.MULTILINE)
    answers = []
    for command in commands:
        ported = _with_items(command.replace("localhost:8501", f"localhost:{rest_port}"), session)
        done = subprocess.run(
            ["sh", "-c", ported], capture_output=True, timeout=60, check=True, text=True
        )
        answers.append(json.loads(done.stdout))

    plain, filtered = answers
    known = _recommended(saved_model, session, 100)
    assert plain["predictions"][0]["item_ids"][: len(known)] == known
    without_session = [item for item in known if item not in session]
    assert filtered["outputs"]["item_ids"] == [without_session[:10]]
