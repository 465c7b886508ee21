"""Reads the body of a request, of limited length, and no more bodies at once than fit."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from modules.messages.quoting import quote
from serving.server.batching import BusyError
from serving.server.request_values import RequestError

_READ = "session_retrieval.body_is_read"
_DISCARDED, _DISCARD_SECONDS = 128 << 20, 5.0


class Refusal(Response):
    """An answer that is sent at once, and ends when the rest of the body has been discarded.

    A client that still sends when its connection is closed sees a reset, and not the answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        # After a whole body there is nothing to discard, and `receive` would wait for its end.
        is_read = scope.get(_READ, False)
        await send({"type": "http.response.body", "body": self.body, "more_body": not is_read})
        if is_read:
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_discard(receive), _DISCARD_SECONDS)
        await send({"type": "http.response.body", "body": b""})


def refusal_of(message: str, status: int, headers: Mapping[str, str] | None = None) -> Refusal:
    """Returns a refusal in JSON."""
    text = json.dumps({"error": message}, ensure_ascii=False)
    content = text.encode("utf-8", "backslashreplace")
    return Refusal(content, status, headers, media_type="application/json")


async def _discard(receive: Receive) -> None:
    read, message = 0, await receive()
    while message["type"] == "http.request" and message.get("more_body") and read < _DISCARDED:
        read += len(message.get("body", b""))
        message = await receive()


class BodyReader:
    """Reads bodies; to be used from one event loop."""

    def __init__(self, most: int, most_together: int) -> None:
        """Keeps the limits.

        Args:
          most: most bytes of a body.
          most_together: most bytes of all bodies that are being read or answered.
        """
        self._most, self._left = most, max(most, most_together)

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Yields a body, whose bytes count until the context ends.

        Raises:
          RequestError: it is too large (413), or its length is not a number (400).
          BusyError: too many bytes are in memory already.
          ClientDisconnect: the client has gone.
        """
        self._check_length(request.headers.get("content-length"))
        taken, parts = 0, []
        try:
            async for part in request.stream():
                taken += len(part)
                self._left -= len(part)
                if taken > self._most:
                    raise self._too_large()
                if self._left < 0:
                    raise BusyError
                parts.append(part)
            request.scope[_READ] = True
            yield b"".join(parts)
        finally:
            self._left += taken

    def _check_length(self, given: str | None) -> None:
        if given is None:  # in chunks, which are counted
            return
        given = given.strip(" \t")
        if not (given.isascii() and given.isdigit()):
            raise RequestError(
                f"Content-Length must be a whole number from 0 to {self._most}, got {quote(given)}."
            )
        # Python does not parse numbers of thousands of digits.
        if len(given.lstrip("0")) > len(str(self._most)) or int(given) > self._most:
            raise self._too_large()

    def _too_large(self) -> RequestError:
        return RequestError(
            f"The body is too large: at most {self._most:,} bytes. Send several requests.", 413
        )
