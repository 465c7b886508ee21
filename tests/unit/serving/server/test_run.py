"""A server starts on free ports, names a place that it cannot have, and ends what it has begun."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from serving.logged_requests import log_files, read_requests
from serving.server import run
from serving.server.model_store import ModelStore
from serving.server.place import Place
from serving.server.predictor import Settings
from serving.server.request_log import LogOptions
from tests.echo_model import post
from tests.raw_requests import head, read_answer, start

BODY = json.dumps({"signature_name": "recommend", "inputs": [["a", "b"]]}).encode()


def test_a_place_that_cannot_be_listened_on_is_named(
    echo_server: Any, echo_store: ModelStore
) -> None:
    port = echo_server.server_port
    with pytest.raises(OSError, match=f"'localhost', port {port}: .*in use"):
        run.start(echo_store, Place(port=port))
    with pytest.raises(OSError, match=f"localhost, port {port}, for gRPC"):
        run.start(echo_store, Place(grpc_port=port))
    assert post(echo_server, BODY)[0] == 200


def test_what_has_arrived_is_answered_before_the_end() -> None:
    """The answer comes while the server ends; a new connection is refused."""
    entered, opened = threading.Event(), threading.Event()

    def slow(**_: Any) -> Any:
        entered.set()
        assert opened.wait(30)
        raise ValueError("no answer, but an end")

    function: Any = slow
    function.structured_input_signature = ((), {})
    server = start({"recommend": function})
    body = '{"signature_name": "recommend", "inputs": {}}'
    connection = socket.create_connection(("localhost", server.server_port), timeout=30)
    connection.sendall((head(f"Content-Length: {len(body)}") + body).encode())
    assert entered.wait(30)
    ends = threading.Thread(target=server.shutdown)
    ends.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("localhost", server.server_port), timeout=1).close()
        except OSError:
            break
        time.sleep(0.02)
    else:
        pytest.fail("new connections are accepted")
    opened.set()
    assert read_answer(connection)[0] == 500
    ends.join(30)
    assert not ends.is_alive()
    server.shutdown()  # again: nothing is left to do


def test_requests_are_logged_with_session_and_visitor(
    echo_store: ModelStore, tmp_path: Path
) -> None:
    server = run.start(echo_store, settings=Settings(log=LogOptions(tmp_path)))
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    path = "/v1/models/session-retrieval:predict"
    connection.request("POST", path, BODY, {"X-Session-Id": "s1", "X-Visitor-Id": "ann"})
    connection.getresponse().read()
    several = json.dumps({"signature_name": "recommend", "inputs": [["a"], ["b"]]})
    connection.request("POST", path, several, {"X-Session-Id": "s1"})
    connection.getresponse().read()
    connection.request("POST", path, json.dumps({"signature_name": "weigh", "inputs": [1.0]}))
    connection.getresponse().read()
    connection.close()
    server.shutdown()
    first, *others = [row for row in read_requests(log_files(tmp_path)) if row]
    assert (first.session_id, len(first.visitor), first.items) == ("s1", 16, ("a", "b"))
    assert (first.version, first.label, first.signature) == (7, "stable", "recommend")
    assert first.answers == ("a", "b")
    assert 0 < first.milliseconds < 60_000 and abs(first.time - time.time()) < 60
    assert [(row.session_id, row.items) for row in others] == [("", ("a",)), ("", ("b",))]
