"""Reads the body of a request, of the length in its Content-Length; chunks are refused."""

from __future__ import annotations

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from modules.messages.quoting import quote
from serving.request_values import RequestError


def read_body(request: Request, most: int) -> bytes:
    """Returns the bytes of a body.

    werkzeug's reader of chunked bodies is not used: if fewer bytes arrive than a chunk announces,
    it returns another number than it read, and the interpreter crashes.

    Args:
      request: request whose body has not been read.
      most: most bytes of a body.

    Raises:
      RequestError: the length is missing (411), not a number (400) or too large (413), or fewer
        bytes arrived (400).
      TimeoutError: nothing arrived within the server's timeout.
    """
    length = _length(request, most)
    try:
        return request.get_data()
    except ClientDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise error.__context__ from error
        raise RequestError(
            f"The body must have the {length:,} bytes of its Content-Length; fewer arrived."
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
    # Python does not parse numbers of thousands of digits.
    digits = given.lstrip("0") or "0"
    if len(digits) > len(str(most)) or int(digits) > most:
        raise RequestError(
            f"The body is too large: at most {most:,} bytes. Send several requests.", 413
        )
    return int(digits)
