"""A request and its answer, however they travel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from serving.client.retries import Deadline

_ID = re.compile(r"[!-~]{1,200}")


class Request(NamedTuple):
    """A call of a signature.

    Attributes:
      signature: its name.
      inputs: nested lists and scalars by name of the input.
      label: label of the version that shall answer; None for what the address names.
      headers: by lower-case name; gRPC's metadata.
    """

    signature: str
    inputs: Mapping[str, Any]
    label: str | None
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """An answer.

    Attributes:
      outputs: nested lists by name of the output.
      version: version of the model that answered; None if the server does not say.
      label: label of that version; None if the server does not say.
    """

    outputs: dict[str, Any]
    version: str | None
    label: str | None = None


class Page(NamedTuple):
    """An answer of a server to a request that is no call of the model.

    Attributes:
      status: HTTP status.
      version: version of the model that it is about; None if the server does not say.
      content: its bytes, unpacked.
    """

    status: int
    version: str | None
    content: bytes


class Transport(Protocol):
    """A way to call a server; one may be used by several threads."""

    def send(self, request: Request, deadline: Deadline) -> Reply:
        """Sends a request once.

        Raises:
          ServerError: no answer with outputs came by the deadline.
        """

    def page(self, path: str, headers: Mapping[str, str], deadline: Deadline) -> Page | None:
        """Gets what the server has at a path; None if the transport has no paths.

        Raises:
          ServerError: no answer came by the deadline.
        """

    def close(self) -> None:
        """Ends the connections."""


def headers_of(session_id: str | None, visitor_id: str | None) -> dict[str, str]:
    """Returns the headers that name session and visitor, for the server's log of requests.

    Raises:
      ValueError: an id is empty, too long, or has other than visible ASCII characters.
    """
    ids = {"x-session-id": session_id, "x-visitor-id": visitor_id}
    given = {name: value for name, value in ids.items() if value is not None}
    for name, value in given.items():
        if not _ID.fullmatch(value):
            raise ValueError(
                f"{name[2:].replace('-', ' ')} must be 1 to 200 visible ASCII characters, got "
                f"{value!r}"
            )
    return given
