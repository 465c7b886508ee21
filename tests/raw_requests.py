"""Requests as bytes on a socket, to a server without a model: errors come before its signatures."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, cast

from modules.config.options.releases import STABLE
from serving.server import run
from serving.server.limits import Limits
from serving.server.model_store import ModelStore, Served, ServedModel
from serving.server.predictor import Settings

LIMIT = 100
PREDICT = "/v1/models/session-retrieval:predict"


class Store:
    """Holds what is served, without a SavedModel."""

    def __init__(self, signatures: Any) -> None:
        model = ServedModel(Path("7"), signatures, 0, (), frozenset(), None)
        self.current, self.served = model, Served({STABLE: model})


def start(signatures: Any) -> Any:
    """Returns a running server of signatures, whose bodies have at most `LIMIT` bytes."""
    store = cast(ModelStore, Store(signatures))
    return run.start(store, settings=Settings(Limits(bytes=LIMIT)))


def connect(server: Any, content: str) -> socket.socket:
    """Returns a connection that has sent a text."""
    connection = socket.create_connection(("localhost", server.server_port), timeout=30)
    connection.sendall(content.encode())
    return connection


def read_answer(connection: socket.socket) -> tuple[int, str]:
    """Returns status and error of the answer; `100 Continue` is passed over."""
    with connection, http.client.HTTPResponse(connection) as response:
        response.begin()
        return response.status, json.loads(response.read())["error"]


def send(server: Any, content: str) -> tuple[int, str]:
    """Sends a text and nothing more; returns status and error of the answer."""
    connection = connect(server, content)
    connection.shutdown(socket.SHUT_WR)
    return read_answer(connection)


def head(*headers: str) -> str:
    """Returns the start of a request to the predict API, with headers."""
    return "\r\n".join([f"POST {PREDICT} HTTP/1.1", "Host: localhost", *headers, "", ""])
