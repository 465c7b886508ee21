"""Bodies of requests: their length is given, within the limit, and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from serving.limits import Limits
from tests.echo_model import post
from tests.raw_requests import connect, head, send, start

# What the body of every request below is answered once it is read.
READ = (400, "The body is not valid JSON")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server = start({})
    yield server
    server.shutdown()


def test_chunks_that_end_early_neither_crash_nor_occupy_the_server(server: Any) -> None:
    """werkzeug's reader of such a body crashed the interpreter."""
    broken = head("Transfer-Encoding: chunked") + "ffffffffff\r\nabc"
    for _ in range(3):
        for connection in [connect(server, broken) for _ in range(20)]:
            connection.close()
        status, error = send(server, broken)
        assert (status, "Send Content-Length" in error) == (411, True)
    assert send(server, head("Content-Length: 1") + "{")[0] == 400


@pytest.mark.parametrize(
    "coding", ["chunked", "Chunked", "gzip, chunked", "gzip", "identity", "", "chunked, chunked"]
)
@pytest.mark.parametrize("length", [[], ["Content-Length: 1"]])
def test_a_body_with_a_transfer_encoding_is_411(
    server: Any, coding: str, length: list[str]
) -> None:
    body = "1\r\n{\r\n0\r\n\r\n"
    status, error = send(server, head(f"Transfer-Encoding: {coding}", *length) + body)
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
    found = send(server, head(*headers) + body)
    assert (found[0], found[1][: len(error)]) == (status, error)


@pytest.mark.parametrize("more", [1, 60 << 20])
def test_too_large_a_body_is_413(echo_server: Any, more: int) -> None:
    status, answer = post(echo_server, b" " * (Limits().bytes + more))
    assert (status, sorted(answer)) == (413, ["error"])
    assert "8,388,608 bytes" in answer["error"]


def test_a_body_at_the_limit_is_read(echo_server: Any) -> None:
    body = json.dumps({"signature_name": "recommend", "inputs": [["a"]]}).encode()
    status, answer = post(echo_server, body.ljust(Limits().bytes))
    assert (status, answer["outputs"]["item_ids"]) == (200, [["a"]])
