"""Addresses of servers and of models on them."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from serving.client.errors import ServerError

MODEL_NAME = "session-retrieval"
PORTS = {"http": 80, "https": 443, "grpc": 8500}
_CHOICE = re.compile(r"/(?:versions/\d+|labels/[^/:]+)$")


class Address(NamedTuple):
    """A model on a server.

    Attributes:
      scheme: http, https or grpc.
      host: name or IP address, without brackets.
      port: TCP port.
      model: path of the model, such as `/v1/models/session-retrieval`, maybe with a version or a
        label.
    """

    scheme: str
    host: str
    port: int
    model: str

    @property
    def server(self) -> str:
        """Returns host and port, as in URLs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Returns the URL of the model."""
        default = {"http": 80, "https": 443}.get(self.scheme)
        server = self.server.rpartition(":")[0] if self.port == default else self.server
        return f"{self.scheme}://{server}{self.model}"

    @property
    def has_choice(self) -> bool:
        """Returns whether the address names a version or a label."""
        return bool(_CHOICE.search(self.model))


def parse_address(url: str) -> Address:
    """Reads `http://host:8501`, `grpc://host:8500`, or the same with a model's path.

    Raises:
      ServerError: the address is not valid.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
        raise ServerError(
            f"The server must be like http://localhost:8501, got {url!r}; for gRPC, like "
            "grpc://localhost:8500."
        )
    path = parts.path.rstrip("/") or f"/v1/models/{MODEL_NAME}"
    return Address(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)


def is_this_machine(host: str) -> bool:
    """Returns whether a host is this machine, which no proxy can reach by that name."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # ::ffff:127.0.0.1 is not a loopback address for Python before 3.13.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
