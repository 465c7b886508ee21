"""The client of a predict server: proxies in the environment, and many sessions."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from serving import rest_server
from serving.client import Client, ServerError, is_this_machine
from serving.limits import Limits
from serving.model_store import ModelStore

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Server(HTTPServer):
    """Answers every request, and keeps the targets that were asked for."""

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), Answer)
        self.targets: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.targets.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"outputs": {"item_ids": [["a"]], "scores": [[1.0]]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _answers(url: str) -> bool:
    return Client(url, timeout=300).recommend([["b"]], 1)[0][0].item_id == "a"


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.9.8.7", "0.0.0.0"])
def test_a_dead_proxy_does_not_block_this_machine(
    server: Server, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert _answers(f"http://{host}:{server.server_port}")


def test_other_hosts_are_called_through_the_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    assert _answers("http://shop.invalid:8501")
    assert server.targets == ["http://shop.invalid:8501/v1/models/session-retrieval:predict"]
    monkeypatch.setenv("no_proxy", "shop.invalid")
    looked_up: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        """Answers as a name server does that has no such host, but none is asked."""
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ServerError, match=r"shop\.invalid"):
        _answers("http://shop.invalid:8501")
    assert looked_up == ["shop.invalid"]


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        *((host, True) for host in ("localhost", "localhost.", "a.localhost", "127.0.0.1", "::1")),
        *((host, True) for host in ("::ffff:127.0.0.1", "127.255.255.254", "::", "0.0.0.0")),
        *((host, False) for host in ("localhost.shop.example", "128.0.0.1", "::2", "10.0.0.1")),
        *((host, False) for host in ("127.0.0.1.shop.example", "notlocalhost", "")),
    ],
)
def test_which_hosts_are_this_machine(host: str, is_here: bool) -> None:
    assert is_this_machine(host) is is_here


@pytest.mark.parametrize("most_rows", [499, 3, 1])
def test_the_client_sends_fewer_sessions_where_the_catalogue_is_huge(
    echo_store: ModelStore, most_rows: int
) -> None:
    served = ModelStore(lambda: echo_store.current.folder)
    served.current = dataclasses.replace(echo_store.current, catalogue_size=600_000)
    server = rest_server.start(served, "localhost", 0, Limits(scores=600_000 * most_rows))
    sessions = [[f"a{number}"] for number in range(601)]
    client = Client(f"http://localhost:{server.server_port}")
    try:
        for _ in range(2):
            answers = client.recommend(sessions, 1)
            assert [[item.item_id for item in row] for row in answers] == sessions
    finally:
        server.shutdown()


def test_the_client_says_that_a_single_session_is_too_long(echo_server: Any) -> None:
    with pytest.raises(ServerError, match=r"answered 413: .*A session of 10,001 items is too long"):
        Client(f"http://localhost:{echo_server.server_port}").recommend([["a"] * 10_001], 1)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 60_000), (1_203, 1), (30, 9_000)])
def test_the_client_sends_many_sessions_as_several_requests(
    echo_store: ModelStore, count: int, length: int
) -> None:
    server = rest_server.start(echo_store, "localhost", 0, Limits(rows=500, session_items=60_000))
    sessions = [[f"a{number}"] * (length if number % 7 == 0 else 1) for number in range(count)]
    try:
        answers = Client(f"http://localhost:{server.server_port}").recommend(sessions, 1)
    finally:
        server.shutdown()
    # The small model answers what it was asked, one score for each session.
    assert [[item.item_id for item in row] for row in answers] == [row[:1] for row in sessions]
