"""The predict REST API, with kept connections."""

from __future__ import annotations

import concurrent.futures
import gzip
import time
from typing import Any

import pytest

from serving.client.addresses import parse_address
from serving.client.errors import ServerError
from serving.client.requests import Page, Reply, Request
from serving.client.rest_transport import MOST_IDLE, RestTransport
from serving.client.retries import Deadline
from tests.scripted_server import ScriptedServer, Step, scripted

REQUEST = Request("recommend", {"item_ids": [["a"]]}, None, {})


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _send(server: ScriptedServer, **changes: Any) -> Reply:
    transport = RestTransport(parse_address(server.url))
    return transport.send(REQUEST._replace(**changes), Deadline(30))


def test_a_request_is_the_apis() -> None:
    with scripted(Step(headers={"X-Model-Version": "7"})) as server:
        reply = _send(server, label="canary", headers={"x-session-id": "s"})
    assert reply == Reply({"item_ids": [["a", "b"]], "scores": [[2.0, 1.0]]}, "7")
    (seen,) = server.seen
    assert seen.path == "/v1/models/session-retrieval/labels/canary:predict"
    assert seen.body == {"signature_name": "recommend", "inputs": {"item_ids": [["a"]]}}
    assert seen.headers["x-session-id"] == "s"
    assert seen.headers["content-type"] == "application/json"


def test_pages_are_fetched_beside_the_model() -> None:
    packed = Step(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    known = Step(body=b"[]", headers={"X-Model-Version": "7"})
    broken = Step(body=b"x", headers={"Content-Encoding": "gzip"})
    with scripted(packed, known, Step(status=404, body=b""), broken) as server:
        transport = RestTransport(parse_address(f"{server.url}/v1/models/shop"))
        found = [transport.page("/items?is=a", {"x-a": "b"}, Deadline(30)) for _ in range(3)]
        with pytest.raises(ServerError, match="answered what cannot be unpacked"):
            transport.page("/items", {}, Deadline(30))
    assert found == [Page(200, None, b"{}"), Page(200, "7", b"[]"), Page(404, None, b"")]
    assert (server.seen[0].path, server.seen[0].headers["x-a"]) == ("/items?is=a", "b")
    assert len({seen.port for seen in server.seen}) == 1


def test_threads_share_kept_connections() -> None:
    with scripted() as server:
        transport = RestTransport(parse_address(server.url))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(transport.send, REQUEST, Deadline(30)) for _ in range(64)]
            assert {job.result().version for job in jobs} == {None}
        assert len(server.seen) == 64
        assert len({seen.port for seen in server.seen}) <= min(8, MOST_IDLE)
        transport.close()
        transport.send(REQUEST, Deadline(30))
        assert server.seen[-1].port not in {seen.port for seen in server.seen[:-1]}


def test_a_connection_that_the_server_ended_meanwhile_is_opened_again() -> None:
    with scripted(Step(), Step(status=0), Step()) as server:
        transport = RestTransport(parse_address(server.url))
        for _ in range(2):
            assert transport.send(REQUEST, Deadline(30)).outputs["item_ids"] == [["a", "b"]]
        assert [seen.port == server.seen[0].port for seen in server.seen] == [True, True, False]


def test_a_new_connection_without_an_answer_is_an_error() -> None:
    with scripted(Step(status=0)) as server:
        with pytest.raises(ServerError, match=r"does not answer: .*Is a server running") as raised:
            _send(server)
        assert raised.value.is_temporary and len(server.seen) == 1
    with pytest.raises(ServerError, match="does not answer") as raised:
        _send(server)  # it is no longer there
    assert raised.value.is_away


def test_an_answer_that_trickles_ends_by_the_deadline() -> None:
    with scripted(Step(pause=0.05)) as server:
        transport = RestTransport(parse_address(server.url))
        began = time.monotonic()
        with pytest.raises(ServerError, match="does not answer: timed out"):
            transport.send(REQUEST, Deadline(0.3))
        assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("step", "label", "expected"),
    [
        (Step(503, b"busy", {"Retry-After": "3"}), None, (503, 3.0, False)),
        (Step(404, b"no model"), None, (404, None, False)),
        (Step(404, b"not found"), "canary", (404, None, True)),
        (
            Step(400, b'{"error": "Unrecognized servable version label: canary"}'),
            *("canary", (400, None, True)),
        ),
        (Step(400, b"k must be a whole number"), "canary", (400, None, False)),
    ],
)
def test_an_error_says_what_to_do(step: Step, label: str | None, expected: Any) -> None:
    with scripted(step) as server, pytest.raises(ServerError) as raised:
        _send(server, label=label)
    error = raised.value
    assert (error.status, error.retry_after, error.is_label_missing) == expected
    assert f"answered {step.status}: {step.body.decode()}" in str(error)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"predictions": []}', b"\xff"])
def test_another_api_is_named(body: bytes) -> None:
    with scripted(Step(body=body)) as server:
        with pytest.raises(ServerError, match="does not speak the predict API") as raised:
            _send(server)
    assert not raised.value.is_away


@pytest.mark.parametrize(
    ("scheme", "proxy", "line"),
    [
        ("http", "http://u%20x:p@127.0.0.1:{port}", "http://shop.invalid:8501/v1/models/"),
        ("http", "127.0.0.1:{port}", "http://shop.invalid:8501/v1/models/"),
    ],
)
def test_other_hosts_are_called_through_the_proxy(
    scheme: str, proxy: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted() as server:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.format(port=server.server_port))
        RestTransport(parse_address(f"{scheme}://shop.invalid:8501")).send(REQUEST, Deadline(30))
    (seen,) = server.seen
    assert seen.path == f"{line}session-retrieval:predict"
    assert seen.headers["host"] == "shop.invalid:8501"
    login = "Basic dSB4OnA="  # base64 of "u x:p"
    assert seen.headers.get("proxy-authorization") == (login if "@" in proxy else None)
