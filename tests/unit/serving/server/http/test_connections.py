"""Connections of clients that send slowly, too much, or what is not HTTP."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from serving.server.http.connections import (
    HEAD_BYTES,
    REQUEST_SECONDS,
    Connection,
    connection_class,
)
from tests.raw_requests import connect, head, start


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server = start({})
    yield server
    server.shutdown()


def _closed(connection: socket.socket) -> bool:
    connection.settimeout(10)
    try:
        while connection.recv(1_000):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "start", ["", "POST", head("Content-Length: 9"), head("Content-Length: 9") + "{"]
)
def test_a_client_that_stops_sending_is_not_waited_for(
    server: Any,
    start: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Connection, "request_seconds", 0.2)
    with caplog.at_level(logging.WARNING), connect(server, start) as connection:
        assert _closed(connection)
    assert "Traceback" not in caplog.text


def test_a_client_that_sends_a_byte_now_and_then_is_not_waited_for(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "request_seconds", 0.5)
    with connect(server, "POST / HTTP/1.1\r\n") as connection:
        connection.settimeout(0.05)
        for _ in range(200):
            try:
                connection.sendall(b"a")
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("the connection was kept")


@pytest.mark.parametrize(
    "line",
    ["GET http://[ HTTP/1.1", "GET / / HTTP/1.1", "GET / HTTP/7.0", "GET \u00e9 HTTP/1.1", "\0"],
)
def test_an_invalid_request_line_is_reported_in_json(
    server: Any, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(server, f"{line}\r\nHost: localhost\r\n\r\n") as connection:
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.splitlines()[-1])["error"]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("start", ["GET /", "GET / HTTP/1.1\r\nX: "])
def test_headers_that_do_not_end_are_refused(server: Any, start: str) -> None:
    with connect(server, start + "a" * HEAD_BYTES) as connection:
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Invalid HTTP" in answer or b"headers are too long" in answer


def test_two_requests_at_once_are_answered_one_after_the_other(server: Any) -> None:
    line = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with connect(server, f"{line}\r\n{line}Connection: close\r\n\r\n") as connection:
        answer = connection.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_next_request_that_never_ends_is_not_waited_for(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start came with a whole request, whose answer ends the wait for that one alone."""
    monkeypatch.setattr(Connection, "request_seconds", 0.3)
    whole = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for rest in ("POST / HTTP/1.1\r\nX: ", head("Content-Length: 9") + "{", "GET"):
        with connect(server, whole + rest) as connection:
            assert _closed(connection)


def test_an_answer_that_is_not_read_is_not_kept(
    echo_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "request_seconds", 0.5)
    rows = json.dumps([["a" * 3_000, "b" * 3_000]] * 1_200)
    body = f'{{"signature_name": "recommend", "inputs": {rows}}}'
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("localhost", echo_server.server_port))
        lines = head(f"Content-Length: {len(body)}", "Connection: close")
        connection.sendall((lines + body).encode())
        time.sleep(3)
        received = 0
        connection.settimeout(10)
        try:
            while part := connection.recv(1 << 20):
                received += len(part)
        except ConnectionResetError:
            pass
    assert received < len(rows)


def test_trailers_that_do_not_end_are_refused(server: Any) -> None:
    chunks = head("Transfer-Encoding: chunked") + "1\r\n{\r\n0\r\n"
    with connect(server, chunks) as connection:
        try:
            for _ in range(40):
                connection.sendall(b"X: " + b"a" * (HEAD_BYTES // 10) + b"\r\n")
        except OSError:  # it was closed while this was sent
            return
        assert _closed(connection)


def test_an_answer_may_take_as_long_as_the_deadline() -> None:
    assert connection_class(1).request_seconds == REQUEST_SECONDS
    assert connection_class(600).request_seconds > 600


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_changes_nothing(echo_server: Any, protocol: str) -> None:
    body = '{"signature_name": "recommend", "inputs": [["a"]]}'
    offer = ("Connection: Upgrade, HTTP2-Settings", f"UPGRADE: {protocol}", "HTTP2-Settings: AAMA")
    request = head(f"Content-Length: {len(body)}", *offer) + body
    last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connect(echo_server, request + last) as connection:
        answer = connection.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 200 OK") == 2
