"""Requests as bytes on a socket, also such as no client sends on purpose; and faults of the server.

No model is called: the errors here come before its signatures.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from serving import rest_server
from serving.limits import Limits
from serving.model_store import ModelStore, ServedModel

LIMIT = 100
PREDICT = "/v1/models/session-retrieval:predict"
# What the body of every request below is answered once it is read.
READ = (400, "The body is not valid JSON")


class Store:
    """Holds what is served, without a SavedModel."""

    def __init__(self, signatures: Any) -> None:
        self.current = ServedModel(Path("7"), signatures, 0, (), frozenset(), None)


def _start(signatures: Any) -> Any:
    store = cast(ModelStore, Store(signatures))
    return rest_server.start(store, "localhost", 0, Limits(bytes=LIMIT))


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server = _start({})
    yield server
    server.shutdown()


def _connect(server: Any, content: str) -> socket.socket:
    connection = socket.create_connection(("localhost", server.server_port), timeout=30)
    connection.sendall(content.encode())
    return connection


def _answer(connection: socket.socket) -> tuple[int, str]:
    """Returns status and error of the answer; `100 Continue` is passed over."""
    with connection, http.client.HTTPResponse(connection) as response:
        response.begin()
        return response.status, json.loads(response.read())["error"]


def _ask(server: Any, content: str) -> tuple[int, str]:
    connection = _connect(server, content)
    connection.shutdown(socket.SHUT_WR)
    return _answer(connection)


def _head(*headers: str) -> str:
    return "\r\n".join([f"POST {PREDICT} HTTP/1.1", "Host: x", *headers, "", ""])


def test_chunks_that_end_early_neither_crash_nor_occupy_the_server(server: Any) -> None:
    """werkzeug's reader of such a body crashed the interpreter."""
    broken = _head("Transfer-Encoding: chunked") + "ffffffffff\r\nabc"
    for _ in range(3):
        for connection in [_connect(server, broken) for _ in range(20)]:
            connection.close()
        status, error = _ask(server, broken)
        assert (status, "Send Content-Length" in error) == (411, True)
    assert _ask(server, _head("Content-Length: 1") + "{")[0] == 400


@pytest.mark.parametrize(
    "coding", ["chunked", "Chunked", "gzip, chunked", "gzip", "identity", "", "chunked, chunked"]
)
@pytest.mark.parametrize("length", [[], ["Content-Length: 1"]])
def test_a_body_with_a_transfer_encoding_is_411(
    server: Any, coding: str, length: list[str]
) -> None:
    body = "1\r\n{\r\n0\r\n\r\n"
    status, error = _ask(server, _head(f"Transfer-Encoding: {coding}", *length) + body)
    assert status == 411
    assert error.startswith(
        f"A body must come with Content-Length, got Transfer-Encoding '{coding}'."
    )


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        ([], "{", 411, "A body must come with Content-Length, got none."),
        (["Content-Length: -1"], "{", 400, "Content-Length must be a whole number from 0 to 100"),
        (["Content-Length: x"], "{", 400, "Content-Length must be a whole number"),
        (["Content-Length: 1, 1"], "{", 400, "Content-Length must be a whole number"),
        (["Content-Length: 1_0"], "{" * 10, 400, "Content-Length must be a whole number"),
        (["Content-Length:"], "{", 400, "Content-Length must be a whole number"),
        (["Content-Length: 101"], "{" * 101, 413, "The body is too large: at most 100 bytes."),
        (["Content-Length: " + "9" * 9_000], "{", 413, "The body is too large"),
        (["Content-Length: 9"], "{", 400, "The body must have the 9 bytes of its Content-Length"),
        (["Content-Length: 1"], "{{{", *READ),
        (["Content-Length: 0001 "], "{", *READ),
        (["Content-Length: 100"], "{" * 100, *READ),
        (["Content-Length: 1", "Expect: 100-continue"], "{", *READ),
    ],
)
def test_the_length_of_a_body_is_given_and_kept(
    server: Any, headers: list[str], body: str, status: int, error: str
) -> None:
    found = _ask(server, _head(*headers) + body)
    assert (found[0], found[1][: len(error)]) == (status, error)


@pytest.mark.parametrize(
    "start", ["", "POST", _head("Content-Length: 9"), _head("Content-Length: 9") + "{"]
)
def test_a_client_that_stops_sending_is_not_waited_for(
    server: Any,
    start: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(rest_server.Handler, "timeout", 0.2)
    with caplog.at_level(logging.WARNING), _connect(server, start) as connection:
        while connection.recv(1_000):
            pass
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("line", ["GET http://[ HTTP/1.1", "GET / / HTTP/1.1", "GET / HTTP/7.0"])
def test_an_invalid_request_line_is_reported_in_json(
    server: Any, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """http.server answers with less than HTTP where it did not find a version."""
    with _connect(server, f"{line}\r\nHost: x\r\n\r\n") as connection:
        answer = connection.makefile("rb").read()
    assert json.loads(answer.splitlines()[-1])["error"]
    assert "Traceback" not in capfd.readouterr().err


def test_a_fault_of_the_server_is_answered_in_json_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = _start({"recommend": object()})  # which is no function
    body = '{"signature_name": "recommend", "inputs": [["a"]]}'
    try:
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                found = _ask(server, _head(f"Content-Length: {len(body)}") + body)
                assert found == (500, "The server failed to answer; see its log.")
    finally:
        server.shutdown()
    assert "AttributeError" in caplog.text


def test_a_place_that_cannot_be_listened_on_is_named(server: Any) -> None:
    store = cast(ModelStore, Store({}))
    with pytest.raises(OSError, match=f"localhost, port {server.server_port}: .*in use"):
        rest_server.start(store, "localhost", server.server_port)
