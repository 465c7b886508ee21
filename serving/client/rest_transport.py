"""The predict REST API, with kept connections."""

from __future__ import annotations

import base64
import collections
import gzip
import http.client
import json
import ssl
import urllib.request
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from serving.client.addresses import Address, is_this_machine
from serving.client.errors import ServerError
from serving.client.requests import Page, Reply, Request
from serving.client.retries import Deadline, parse_retry_after
from serving.client.timed_connection import TimedConnection, TimedTLSConnection

MOST_IDLE = 16  # connections that are kept
_OK = 200
_NOT_FOUND, _INVALID = 404, 400
_MOST_SHOWN = 500  # characters of an error's text
_Call = tuple[str, str, bytes | None, dict[str, str]]  # method, target, body, headers
_Answered = tuple[int, http.client.HTTPMessage, bytes]
_CLOSED = (http.client.RemoteDisconnected, ConnectionError)


class _Proxy(NamedTuple):
    host: str
    port: int
    headers: dict[str, str]


def _proxy_of(address: Address) -> _Proxy | None:
    """Returns the environment's proxy for an address."""
    if is_this_machine(address.host) or urllib.request.proxy_bypass(address.server):
        return None
    url = urllib.request.getproxies().get(address.scheme)
    if not url:
        return None
    parts = urlsplit(url if "//" in url else f"//{url}")
    if not parts.hostname:
        return None
    headers = {}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return _Proxy(parts.hostname, parts.port or 80, headers)


class RestTransport:
    """Sends requests to one model."""

    def __init__(self, address: Address) -> None:
        """Reads the environment's proxies; connects with the first request."""
        self._address, self._proxy = address, _proxy_of(address)
        self._idle: collections.deque[TimedConnection] = collections.deque(maxlen=MOST_IDLE)
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        is_forwarded = self._proxy is not None and self._tls is None
        self._origin = f"{address.scheme}://{address.server}" if is_forwarded else ""
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if is_forwarded and self._proxy is not None:
            self._headers |= self._proxy.headers

    def send(self, request: Request, deadline: Deadline) -> Reply:
        """Sends a request once; see `Transport`."""
        label = "" if request.label is None else f"/labels/{quote(request.label, safe='')}"
        url = f"{self._address.url}{label}:predict"
        body = json.dumps({"signature_name": request.signature, "inputs": request.inputs}).encode()
        headers = {**self._headers, **request.headers}
        target = f"{self._origin}{self._address.model}{label}:predict"
        status, answered, content = self._call(url, ("POST", target, body, headers), deadline)
        if status != _OK:
            raise _error(url, status, answered, content, request.label)
        try:
            outputs = json.loads(content)["outputs"]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ServerError(f"{url} does not speak the predict API.") from error
        return Reply(outputs, answered.get("X-Model-Version"), answered.get("X-Model-Label"))

    def page(self, path: str, headers: Mapping[str, str], deadline: Deadline) -> Page | None:
        """Gets what the server has at a path; see `Transport`."""
        address = self._address
        url = address.url.removesuffix(address.model) + path
        sent = {**self._headers, **headers, "Accept-Encoding": "gzip"}
        call = ("GET", f"{self._origin}{path}", None, sent)
        status, answered, content = self._call(url, call, deadline)
        if answered.get("Content-Encoding") == "gzip":
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                raise ServerError(f"{url} answered what cannot be unpacked.") from error
        return Page(status, answered.get("X-Model-Version"), content)

    def _call(self, url: str, call: _Call, deadline: Deadline) -> _Answered:
        """Returns status, headers and body of the answer.

        Raises:
          ServerError: none came.
        """
        try:
            return self._send(call, deadline)
        except (OSError, http.client.HTTPException, ValueError, MemoryError) as error:
            is_http = isinstance(error, OSError)  # as RemoteDisconnected is
            if not is_http and isinstance(error, http.client.BadStatusLine):
                raise ServerError(
                    f"{url} answered what is not HTTP; the address of gRPC begins with grpc://.",
                    is_unanswered=True,
                ) from error
            raise ServerError(
                f"{url} does not answer: {error or type(error).__name__}. Is a server running "
                "there? `session-retrieval serve` starts one.",
                is_unanswered=True,
            ) from error

    def close(self) -> None:
        """Ends the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _send(self, call: _Call, deadline: Deadline) -> _Answered:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connection()
            was_open = connection.is_open
            try:
                return self._send_on(connection, call, deadline)
            except _CLOSED:
                connection.close()
                # The server ends a connection that was idle for some time; a new one tells.
                if not was_open:
                    raise
            except BaseException:
                connection.close()
                raise

    def _send_on(self, connection: TimedConnection, call: _Call, deadline: Deadline) -> _Answered:
        connection.set_deadline(deadline)
        try:
            connection.request(*call)
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a body before it has read all of it. Its answer says why.
            if not connection.is_open:
                raise
        response = connection.getresponse()
        found = response.status, response.headers, response.read()
        if connection.is_open and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return found

    def _connection(self) -> TimedConnection:
        host, port = self._address.host, self._address.port
        if self._tls is None:
            place = self._proxy or _Proxy(host, port, {})
            return TimedConnection(place.host, place.port)
        if self._proxy is None:
            return TimedTLSConnection(host, port, context=self._tls)
        connection = TimedTLSConnection(self._proxy.host, self._proxy.port, context=self._tls)
        connection.set_tunnel(host, port, self._proxy.headers)
        return connection


def _error(url: str, status: int, headers: Any, content: bytes, label: str | None) -> ServerError:
    """Returns the error for an answer with another status."""
    reason = content.decode("utf-8", "replace")[:_MOST_SHOWN]
    is_about_label = status == _NOT_FOUND or (status == _INVALID and "label" in reason.lower())
    return ServerError(
        f"{url} answered {status}: {reason}",
        status,
        retry_after=parse_retry_after(headers.get("Retry-After")),
        is_label_missing=label is not None and is_about_label,
    )
