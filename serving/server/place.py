"""Where a server listens, and to whom."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a server listens, and to whom.

    Attributes:
      host: name or address of this machine.
      port: port of the REST API; 0 for a free one.
      grpc_port: port of the gRPC services, 0 for a free one; None for no gRPC.
      hosts: further names under which clients reach the server, `*` for any.
      token: what clients must give; None for nothing.
    """

    host: str = "localhost"
    port: int = 0
    grpc_port: int | None = None
    hosts: tuple[str, ...] = ()
    token: str | None = None
