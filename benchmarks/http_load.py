"""Sends HTTP requests over many connections at once, with little work of its own.

    python benchmarks/http_load.py http://localhost:8501/v1/models/m:predict in.json out.json 32 10

`in.json` is a list of bodies; 32 connections send them for 10 seconds, each one request at a
time. The result is written as JSON: milliseconds of each answer, counts by status and by version,
and failures. It is a program of its own, so that it does not share an interpreter with a server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

_UNANSWERED_SECONDS = 5.0


class _Connection(asyncio.Protocol):
    """Sends one request after the other, on a new connection where the server closes it."""

    def __init__(self, load: Load, first: int) -> None:
        self._load, self._number = load, first
        self._began = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.connections.add(self)
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        if self._load.is_over:
            self._transport.close()
            return
        self._number += 1
        self._headers, self._size = {}, 0
        self._began = time.perf_counter()
        self._transport.write(self._load.requests[self._number % len(self._load.requests)])

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._load.failures.append(repr(error))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._size += len(body)

    def on_message_complete(self) -> None:
        took, self._began = 1e3 * (time.perf_counter() - self._began), 0.0
        if not self._load.is_over:
            self._count(took)
        if self._parser.should_keep_alive():
            asyncio.get_running_loop().call_soon(self._send)

    def _count(self, took: float) -> None:
        load, status = self._load, self._parser.get_status_code()
        load.statuses[str(status)] += 1
        if status == 200 and self._size > 0:
            load.milliseconds.append(took)
            load.versions[self._headers.get(b"x-model-version", b"?").decode()] += 1
        elif status != 503:
            load.failures.append(f"status {status}")

    def check_answered(self) -> None:
        """Counts a request that has waited too long at the end."""
        if self._began and time.perf_counter() - self._began > _UNANSWERED_SECONDS:
            self._load.failures.append("not answered at the end")

    def connection_lost(self, error: Exception | None) -> None:
        self._load.connections.discard(self)
        if self._began and not self._load.is_over:
            self._load.failures.append(f"connection lost: {error}")
        self._began = 0.0
        if not self._load.is_over:
            self._load.open(self._number)


class Load:
    """What the connections send and see."""

    def __init__(self, url: str, bodies: list[str]) -> None:
        """Writes the requests."""
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "localhost", parts.port or 80
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: "
        self.requests = [f"{head}{len(body.encode())}\r\n\r\n{body}".encode() for body in bodies]
        self.milliseconds: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.is_over = False
        self.connections: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def open(self, first: int) -> None:
        """Opens a connection."""
        task = asyncio.get_running_loop().create_task(self._open(first))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, first: int) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _Connection(self, first), self.host, self.port)
        except OSError as error:
            self.failures.append(f"not connected: {error}")
            await asyncio.sleep(0.01)
            if not self.is_over:
                self.open(first)

    async def run(self, connections: int, seconds: float) -> dict[str, object]:
        """Sends for some seconds; returns what came of it, for JSON."""
        for number in range(connections):
            self.open(37 * number)
        await asyncio.sleep(seconds)
        self.is_over = True
        for connection in self.connections:
            connection.check_answered()
        await asyncio.sleep(0.2)
        return {
            "milliseconds": self.milliseconds,
            "statuses": self.statuses,
            "versions": self.versions,
            "failures": self.failures,
        }


if __name__ == "__main__":
    url, bodies, result, connections, seconds = sys.argv[1:]
    load = Load(url, json.loads(Path(bodies).read_text()))
    found = uvloop.run(load.run(int(connections), float(seconds)))
    Path(result).write_text(json.dumps(found))
