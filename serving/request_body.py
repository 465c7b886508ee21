"""Reads the body of a request: as many bytes as its Content-Length says, and no other kind."""

from __future__ import annotations

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from modules.messages.quoting import quote
from serving.request_values import RequestError


def read_body(request: Request, most: int) -> bytes:
    """Returns the bytes of a body.

    werkzeug's reader of chunked bodies is never asked: where fewer bytes arrive than a chunk
    announces, it answers with another number than it read, and the interpreter crashes.

    Args:
      request: whose body was not read yet.
      most: bytes that a body may have.

    Raises:
      RequestError: the length is not given (411), is not one (400) or too large (413), or fewer
        bytes than that arrived (400).
      TimeoutError: nothing arrived for the time that the server waits.
    """
    length = _length(request, most)
    try:
        return request.get_data()
    except ClientDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise error.__context__ from error
        raise RequestError(
            f"The body must have the {length:,} bytes that its Content-Length says; fewer arrived."
        ) from error


def _length(request: Request, most: int) -> int:
    encoding = request.headers.get("Transfer-Encoding")
    if encoding is not None:
        raise RequestError(
            f"A body must come with Content-Length, got Transfer-Encoding {quote(encoding)}. "
            "Send Content-Length and the whole body instead of chunks.",
            411,
        )
    given = request.headers.get("Content-Length")
    if given is None:
        raise RequestError("A body must come with Content-Length, got none.", 411)
    given = given.strip(" \t")
    if not (given.isascii() and given.isdigit()):
        raise RequestError(
            f"Content-Length must be a whole number from 0 to {most}, got {quote(given)}."
        )
    # Python does not read numbers of thousands of digits.
    digits = given.lstrip("0") or "0"
    if len(digits) > len(str(most)) or int(digits) > most:
        raise RequestError(
            f"The body is too large: at most {most:,} bytes. Send several requests.", 413
        )
    return int(digits)
