"""Requests of other hosts, of other sites' pages, and without the token are refused."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from serving.server import run
from serving.server.access import ANY_HOST, check_token
from serving.server.model_store import ModelStore
from serving.server.place import Place

BODY = json.dumps({"signature_name": "recommend", "inputs": [["a"]]})
PREDICT = "/v1/models/session-retrieval:predict"


def _status(server: Any, path: str = PREDICT, **headers: str) -> int:
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    connection.putrequest("POST" if path == PREDICT else "GET", path, skip_host=True)
    given = {"Host": "localhost", **{k.replace("_", "-"): v for k, v in headers.items()}}
    for name, value in given.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY.encode())
    return connection.getresponse().status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8501", 200),
        ("localhost.:8501", 200),
        ("127.0.0.1:8501", 200),
        ("10.1.2.3", 200),  # a probe of Kubernetes; no name stands for it
        ("[::1]:8501", 200),
        (socket.gethostname(), 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("evil.example:80@localhost", 200),
        ("[", 403),
        ("", 403),
    ],
)
def test_a_host_that_a_name_server_may_point_here_is_refused(
    echo_server: Any, host: str, status: int
) -> None:
    assert _status(echo_server, Host=host) == status
    if status == 403:
        assert _status(echo_server, "/", Host=host) == 403


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://localhost:8501", "localhost:8501", 200),
        ("http://127.0.0.1:8501", "127.0.0.1:8501", 200),
        ("http://localhost:9999", "localhost:8501", 403),
        ("https://evil.example", "localhost:8501", 403),
        ("null", "localhost:8501", 403),
    ],
)
def test_pages_of_other_sites_may_send_nothing(
    echo_server: Any, origin: str, host: str, status: int
) -> None:
    assert _status(echo_server, Host=host, Origin=origin) == status


@pytest.fixture(scope="module")
def guarded(echo_store: ModelStore) -> Iterator[Any]:
    server = run.start(echo_store, Place(hosts=("shop.example",), token="sécret"))
    yield server
    server.shutdown()


def test_a_further_name_is_allowed(guarded: Any, echo_store: ModelStore) -> None:
    assert _status(guarded, "/healthz", Host="shop.example") == 200
    assert _status(guarded, "/healthz", Host="other.example") == 403
    server = run.start(echo_store, Place(hosts=(ANY_HOST,)))
    try:
        assert _status(server, Host="evil.example") == 200
    finally:
        server.shutdown()


def test_requests_need_the_token_but_for_health(guarded: Any) -> None:
    secret = "sécret".encode().decode("latin-1")
    basic = base64.b64encode("ann:sécret".encode()).decode()
    for path in (PREDICT, "/", "/metrics", "/status", "/openapi.json", "/nope"):
        assert _status(guarded, path) == 401
        assert _status(guarded, path, Authorization="Bearer wrong") == 401
        assert _status(guarded, path, Authorization=f"Bearer {secret}") in (200, 404)
        assert _status(guarded, path, Authorization=f"Basic {basic}") in (200, 404)
    assert [_status(guarded, path) for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic !", "Basic YTpi", "s", "bearer"])
def test_what_is_no_token_is_refused(given: str) -> None:
    found = check_token(given, "s")
    assert found and found[0] == 401
