"""TensorFlow Serving's gRPC API."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf

from serving.client.addresses import parse_address
from serving.client.errors import ServerError
from serving.client.grpc_transport import GrpcTransport
from serving.client.requests import Reply, Request
from serving.client.retries import Deadline
from tests.grpc_server import CODES, grpc_server

REQUEST = Request("recommend", {"item_ids": [["a", "é"], ["b", ""]]}, None, {})


def _send(url: str, request: Request = REQUEST, seconds: float = 30) -> Reply:
    transport = GrpcTransport(parse_address(url))
    try:
        return transport.send(request, Deadline(seconds))
    finally:
        transport.close()


def test_a_request_is_the_apis() -> None:
    with grpc_server(labels={"canary": 7}) as server:
        plain = _send(server.url)
        labelled = _send(
            server.url, REQUEST._replace(label="canary", headers={"x-session-id": "s"})
        )
        _send(f"{server.url}/v1/models/other/versions/12")
    ids = [["a", "é"], ["b", ""]]
    assert plain == Reply({"item_ids": ids, "scores": [[1.0, 1.0], [1.0, 1.0]]}, None)
    assert labelled.version == "7"
    specs = [request.model_spec for request, _ in server.seen]
    assert [spec.name for spec in specs] == ["session-retrieval", "session-retrieval", "other"]
    assert [spec.signature_name for spec in specs] == ["recommend"] * 3
    assert [spec.version_label for spec in specs] == ["", "canary", ""]
    assert specs[2].version.value == 12 and not specs[0].HasField("version")
    assert server.seen[1][1]["x-session-id"] == "s"


def test_scalars_have_the_types_of_the_model() -> None:
    inputs = {"item_ids": [["a"]], "k": 10, "session_items": "drop"}
    with grpc_server() as server:
        _send(server.url, REQUEST._replace(inputs=inputs))
    sent = server.seen[0][0].inputs
    assert tf.make_ndarray(sent["k"]).dtype == np.int32
    assert tf.make_ndarray(sent["session_items"]).item() == b"drop"


@pytest.mark.parametrize(
    ("code", "status", "is_temporary"),
    [
        (CODES.UNAVAILABLE, None, True),
        (CODES.RESOURCE_EXHAUSTED, 413, False),
        (CODES.NOT_FOUND, 404, False),
        (CODES.INVALID_ARGUMENT, 400, False),
        (CODES.INTERNAL, 500, False),
        (CODES.UNKNOWN, 500, False),
    ],
)
def test_an_error_is_as_rests(code: CODES, status: int | None, is_temporary: bool) -> None:
    with grpc_server(code) as server, pytest.raises(ServerError, match="as scripted") as raised:
        _send(server.url)
    assert (raised.value.status, raised.value.is_temporary) == (status, is_temporary)
    assert code.name in str(raised.value)


def test_a_label_that_is_missing_is_known_by_the_servers_words() -> None:
    with grpc_server() as server, pytest.raises(ServerError, match="version label") as raised:
        _send(server.url, REQUEST._replace(label="canary"))
    assert raised.value.is_label_missing


def test_an_answer_comes_by_the_deadline_or_not_at_all() -> None:
    with grpc_server(pause=3.0) as server:
        began = time.monotonic()
        with pytest.raises(ServerError, match="DEADLINE_EXCEEDED") as raised:
            _send(server.url, seconds=0.2)
        assert time.monotonic() - began < 2.5 and raised.value.is_away
        with pytest.raises(ServerError, match="timed out"):
            _send(server.url, seconds=-1)


def test_a_server_that_comes_back_is_found_by_the_same_channel() -> None:
    with grpc_server() as server:
        transport = GrpcTransport(parse_address(server.url))
        transport.send(REQUEST, Deadline(30))
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ServerError, match="UNAVAILABLE"):
        transport.send(REQUEST, Deadline(30))
    with grpc_server(port=port):
        deadline = Deadline(30)
        while True:
            try:
                assert transport.send(REQUEST, deadline).outputs["item_ids"]
                break
            except ServerError:
                time.sleep(min(0.05, deadline.left()))
    transport.close()


def test_an_address_must_name_a_model() -> None:
    with pytest.raises(ServerError, match="gRPC needs an address like grpc://localhost:8500"):
        GrpcTransport(parse_address("grpc://localhost:8500/shop"))
