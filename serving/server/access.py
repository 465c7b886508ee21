"""Who may send requests: known names of this machine, pages of its own, and who has the token."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from modules.messages.quoting import quote
from serving.server.http.request_body import refusal_of

OPEN_PATHS = ("/healthz", "/readyz")
"""Paths that need no token: whoever probes them has none."""
ANY_HOST = "*"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Access:
    """An ASGI application around another one, which passes on what is allowed."""

    def __init__(self, app: App, hosts: Iterable[str] = (), token: str | None = None) -> None:
        """Keeps what is allowed.

        Args:
          app: application that answers.
          hosts: further names under which clients reach this server; `*` for any.
          token: what clients must give, as bearer token or as the password of any user; None if
            they need none.
        """
        self._app, self._token = app, token
        self._hosts = {host.lower() for host in hosts} | _own_names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or passes it on."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._refusal(headers, scope["path"])
            if refusal:
                status, message = refusal
                more = {"WWW-Authenticate": "Basic"} if status == 401 else None
                await refusal_of(message, status, more)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_own(host):
            return 403, (
                f"This server does not answer for the host {quote(host)}. "
                "If that is its name, start it with --allow-host."
            )
        origin = headers.get("origin")
        if origin is not None and not _is_of(origin, host):
            return 403, f"Pages of {quote(origin)} may not send requests to this server."
        if self._token is not None and path not in OPEN_PATHS:
            return check_token(headers.get("authorization", ""), self._token)
        return None

    def _is_own(self, host: str) -> bool:
        """Returns whether a host is this server's; an address is, since no name stands for it."""
        name = _name(host)
        return ANY_HOST in self._hosts or name in self._hosts or _is_address(name)


def check_token(given: str, token: str) -> tuple[int, str] | None:
    """Compares the value of `Authorization` with a token; returns status and message of a refusal.

    >>> check_token("Bearer secret", "secret") is None
    True
    """
    scheme, _, value = given.strip().partition(" ")
    found = b""
    if scheme.lower() == "bearer":
        found = value.strip().encode("latin-1", "replace")  # as bytes of headers become text
    elif scheme.lower() == "basic":
        with contextlib.suppress(ValueError, binascii.Error):
            found = base64.b64decode(value, validate=True).partition(b":")[2]
    if hmac.compare_digest(found, token.encode()):
        return None
    return 401, "Requests need the server's token: 'Authorization: Bearer TOKEN'."


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {"localhost", name, socket.getfqdn(name).lower()} if name else {"localhost"}


def _name(host: str) -> str:
    """Returns a host without its port, in lower case.

    >>> _name("LocalHost:8501"), _name("[::1]:8501")
    ('localhost', '::1')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_of(origin: str, host: str) -> bool:
    """Returns whether an origin, `scheme://host:port`, is of the host that a request names."""
    return origin.partition("://")[2].lower() == host.lower()
