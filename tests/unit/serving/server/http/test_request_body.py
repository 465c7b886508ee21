"""Bodies of requests: read whole, within the limit, and not too many at once."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from serving.server import run
from serving.server.batching import Capacity
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from serving.server.predictor import Settings
from tests.echo_model import PREDICT, post
from tests.raw_requests import connect, head, read_answer, send, start

# What the body of every request below is answered once it is read.
READ = (400, "The body is not valid JSON")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server = start({})
    yield server
    server.shutdown()


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        ([], "", *READ),
        (["Content-Length: -1"], "{", 400, "Invalid HTTP"),
        (["Content-Length: x"], "{", 400, "Invalid HTTP"),
        (["Content-Length: 1, 1"], "{", 400, "Invalid HTTP"),
        (["Content-Length: 1_0"], "{" * 10, 400, "Invalid HTTP"),
        (["Content-Length: 101"], "{" * 101, 413, "The body is too large: at most 100 bytes."),
        (["Content-Length: " + "9" * 9_000], "{", 400, "Invalid HTTP"),
        (["Content-Length: 99999999"], "{", 413, "The body is too large"),
        (["Content-Length: 1"], "{", *READ),
        (["Content-Length: 0001 "], "{", *READ),
        (["Content-Length: 100"], "{" * 100, *READ),
        (["Content-Length: 1", "Expect: 100-continue"], "{", *READ),
        (["Transfer-Encoding: chunked"], "1\r\n{\r\n0\r\n\r\n", *READ),
        (["Transfer-Encoding: chunked"], f"65\r\n{'{' * 101}\r\n0\r\n\r\n", 413, "The body is too"),
        (["Transfer-Encoding: chunked"], "x\r\n{\r\n0\r\n\r\n", 400, "Invalid HTTP"),
        (["Transfer-Encoding: chunked", "Content-Length: 1"], "{", 400, "Invalid HTTP"),
        (["Transfer-Encoding: gzip"], "{", 400, "Invalid HTTP"),
    ],
)
def test_a_body_is_read_whole_and_within_the_limit(
    server: Any, headers: list[str], body: str, status: int, error: str
) -> None:
    with connect(server, head(*headers) + body) as connection:
        found = read_answer(connection)
    assert (found[0], found[1][: len(error)]) == (status, error)


def test_bodies_that_end_early_neither_crash_nor_occupy_the_server(server: Any) -> None:
    for broken in (
        head("Transfer-Encoding: chunked") + "fffffffff\r\nabc",
        head("Content-Length: 9") + "{",
    ):
        for connection in [connect(server, broken) for _ in range(60)]:
            connection.close()
    assert send(server, head("Content-Length: 1") + "{")[0] == 400


@pytest.mark.parametrize("more", [1, 60 << 20])
def test_too_large_a_body_is_413(echo_server: Any, more: int) -> None:
    status, answer = post(echo_server, b" " * (Limits().bytes + more))
    assert (status, sorted(answer)) == (413, ["error"])
    assert "8,388,608 bytes" in answer["error"]


@pytest.mark.parametrize("path", [PREDICT, PREDICT.replace("session", "other")])
def test_a_client_that_closes_its_connection_sees_why_its_body_is_refused(
    echo_server: Any, path: str
) -> None:
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    connection.request("POST", path, b" " * (Limits().bytes + 1), {"Connection": "close"})
    response = connection.getresponse()
    assert response.status in (404, 413) and json.loads(response.read())["error"]


def test_a_refused_request_does_not_keep_the_next_one_waiting(echo_server: Any) -> None:
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    began = time.monotonic()
    for body in (b"{", b"{}", b'{"inputs": 1}', json.dumps({"inputs": [1] * 100_000}).encode()):
        connection.request("POST", PREDICT, body)
        response = connection.getresponse()
        assert response.status in (400, 413) and response.read()
    connection.request("GET", "/nope")
    assert connection.getresponse().read()
    assert time.monotonic() - began < 4  # the rest of a body is waited for longer


def test_a_body_at_the_limit_is_read(echo_server: Any) -> None:
    body = json.dumps({"signature_name": "recommend", "inputs": [["a"]]}).encode()
    status, answer = post(echo_server, body.ljust(Limits().bytes))
    assert (status, answer["outputs"]["item_ids"]) == (200, [["a"]])


def test_bodies_that_do_not_fit_together_are_refused_until_others_are_gone(
    echo_store: ModelStore,
) -> None:
    settings = Settings(Limits(bytes=1_000), Capacity(body_bytes=1_000))
    server = run.start(echo_store, settings=settings)
    begun = head("Content-Length: 1000") + "{" * 900
    body = json.dumps({"signature_name": "recommend", "inputs": [["a" * 100]]}).encode()
    try:
        with connect(server, begun):
            status, answer = post(server, body)
            while status == 200:  # the first request has not arrived yet
                status, answer = post(server, body)
            assert (status, answer["error"]) == (503, "Too many requests wait; try again.")
        while status == 503:  # nor is it gone
            status, _ = post(server, body)
        assert status == 200
    finally:
        server.shutdown()
