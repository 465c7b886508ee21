"""Ports of this machine, for servers that tests start."""

from __future__ import annotations

import socket
import subprocess
import time


def free_port() -> int:
    """Returns a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 150) -> None:
    """Returns when a server listens on its port.

    Raises:
      AssertionError: its process ended, or it took too long.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"no server at port {port}: status {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no server at port {port} after {seconds} s")
