"""Requests such as no client sends on purpose, and faults of the server."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from werkzeug import test

from serving import rest_server
from serving.model_store import ModelStore
from tests.raw_requests import Store, connect, head, send, start


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    server = start({})
    yield server
    server.shutdown()


@pytest.mark.parametrize(
    "start", ["", "POST", head("Content-Length: 9"), head("Content-Length: 9") + "{"]
)
def test_a_client_that_stops_sending_is_not_waited_for(
    server: Any,
    start: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(rest_server.Handler, "timeout", 0.2)
    with caplog.at_level(logging.WARNING), connect(server, start) as connection:
        while connection.recv(1_000):
            pass
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("line", ["GET http://[ HTTP/1.1", "GET / / HTTP/1.1", "GET / HTTP/7.0"])
def test_an_invalid_request_line_is_reported_in_json(
    server: Any, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """http.server answers with less than HTTP where it did not find a version."""
    with connect(server, f"{line}\r\nHost: x\r\n\r\n") as connection:
        answer = connection.makefile("rb").read()
    assert json.loads(answer.splitlines()[-1])["error"]
    assert "Traceback" not in capfd.readouterr().err


def test_a_fault_of_the_server_is_answered_in_json_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start({"recommend": object()})  # which is no function
    body = '{"signature_name": "recommend", "inputs": [["a"]]}'
    try:
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                found = send(server, head(f"Content-Length: {len(body)}") + body)
                assert found == (500, "The server failed to answer; see its log.")
    finally:
        server.shutdown()
    assert "AttributeError" in caplog.text


def test_a_place_that_cannot_be_listened_on_is_named(server: Any) -> None:
    store = cast(ModelStore, Store({}))
    with pytest.raises(OSError, match=f"localhost, port {server.server_port}: .*in use"):
        rest_server.start(store, "localhost", server.server_port)


def test_the_page_finds_known_items_whatever_blanks_are_around_them(echo_store: ModelStore) -> None:
    served = ModelStore(lambda: echo_store.current.folder)
    served.current = dataclasses.replace(echo_store.current, known=frozenset({"a"}))
    found = test.Client(rest_server.App(served)).get("/items?is=%C2%A0a%EF%BB%BF&is=b")
    assert found.get_json() == {"item_ids": ["\u00a0a\ufeff"]}
