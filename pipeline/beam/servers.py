"""The servers that a Beam job's flags name, and whether they can be reached."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.beam.runners import EXTERNAL, flag_value

_SECONDS = 5.0


class Server(NamedTuple):
    """A server.

    Attributes:
      flag: flag that names it.
      address: host and port.
      what: what must run there.
    """

    flag: str
    address: str
    what: str


def servers(flags: Sequence[str], local_pool: bool) -> Iterator[Server]:
    """Yields the servers that this machine must reach.

    Args:
      flags: flags of a Beam job.
      local_pool: whether the address of the worker pool is one of this machine; elsewhere each
        task manager or executor reads it as its own.
    """
    job = flag_value(flags, "--job_endpoint")
    if job and job != "embed":
        what = "Beam's job server must run there, see deploy/flink/README.md"
        yield Server("--job_endpoint", job, what)
    if artifacts := flag_value(flags, "--artifact_endpoint"):
        what = "Beam's job server has it, by default at port 8098"
        yield Server("--artifact_endpoint", artifacts, what)
    kind = flag_value(flags, "--environment_type")
    pool = flag_value(flags, "--environment_config")
    if kind.upper() == EXTERNAL and pool and local_pool:
        command = "python -m apache_beam.runners.worker.worker_pool_main --service_port=PORT"
        yield Server("--environment_config", pool, f"start a worker pool there: {command}")


def unreachable(server: Server) -> str:
    """Returns why a server cannot be reached, "" if it can."""
    host, _, port = server.address.rpartition(":")
    where = f"{server.flag}={server.address}"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        return f"{where} must be host:port"
    try:
        with contextlib.closing(socket.create_connection((host.strip("[]"), int(port)), _SECONDS)):
            return ""
    except OSError as error:
        reason = error.strerror or str(error)
        return f"could not connect to {where}: {reason}; {server.what}"
