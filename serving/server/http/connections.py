"""uvicorn's HTTP connections, with an end for clients that are slow on purpose or by accident."""

from __future__ import annotations

import asyncio
import json
import re

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

REQUEST_SECONDS = 60.0
"""Longest time from the start of a connection, or of a request, to the end of the answer."""
HEAD_BYTES = 64 << 10
"""Most bytes of a request line with its headers."""
_CHUNK_LINE = 16
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """A connection that is closed when a request takes too long to arrive or to be answered.

    uvicorn itself has a limit for the time between two requests, and none for that of a request or
    for the size of its headers.
    """

    request_seconds = REQUEST_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _head: int | None = 0  # bytes of a request line and headers that have not ended
    _rest = 0  # bytes after the headers that are not of the body
    _is_open = False  # whether a request has begun to arrive, and not ended

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what has arrived; refuses a request line and headers that do not end."""
        if self._head == 0:
            data = _without_upgrade(data)
        if self._head is not None:
            self._head += len(data)
        else:
            self._rest += len(data)
        super().data_received(data)
        is_too_long = (self._head or 0) > HEAD_BYTES or self._rest > HEAD_BYTES
        if is_too_long and not self.transport.is_closing():
            self.send_400_response("The request line and the headers are too long.")

    def on_message_begin(self) -> None:
        """Begins to wait for the request and its answer."""
        super().on_message_begin()
        self._is_open = True
        self._wait()

    def on_headers_complete(self) -> None:
        """Ends the count of the headers."""
        self._head, self._rest = None, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body; each part of one in chunks has a line of its own."""
        self._rest -= len(body) + _CHUNK_LINE
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begins the count of the next request's headers."""
        self._head, self._rest, self._is_open = 0, 0, False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Leaves the rest to uvicorn's limit between requests, if there is nothing to wait for."""
        super().on_response_complete()
        if self._is_open or self.pipeline or self.transport.get_write_buffer_size():
            self._wait()
        else:
            self._stop_waiting()

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection without a next request; gives it time to read the last answer."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answers in JSON what is not valid HTTP."""
        content = json.dumps({"error": msg}).encode()
        head = (
            b"content-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(content)
        )
        self.transport.write(STATUS_LINE[400] + head + content)
        self.transport.close()

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.request_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self.transport.abort()


def _without_upgrade(data: bytes) -> bytes:
    r"""Returns the start of a request whose offer of another protocol is no offer any more.

    The parser would end with the headers and lose the body; Java's client offers HTTP/2 by default.

    >>> _without_upgrade(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\nUpgrade: no header")
    b'GET / HTTP/1.1\r\nX-Upgrade: h2c\r\n\r\nUpgrade: no header'
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nX-Upgrade:", head) + end + rest


def connection_class(seconds: float) -> type[Connection]:
    """Returns the class of connections whose requests may take as many seconds to be answered."""
    longest = seconds + REQUEST_SECONDS / 2
    if longest <= REQUEST_SECONDS:
        return Connection
    return type("Connection", (Connection,), {"request_seconds": longest})
