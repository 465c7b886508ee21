"""HTTP connections that end by a deadline, however slowly the bytes arrive.

A socket's own timeout starts again with every byte.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import Any

from serving.client.retries import Deadline


class _TimedReader(io.RawIOBase):
    """Reads a socket; every read ends by the deadline of its connection."""

    def __init__(self, sock: TimedSocket) -> None:
        self._sock, self._raw = sock, sock.raw.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.limit()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedSocket:
    """The part of a socket that `http.client` uses, with a deadline."""

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        """Takes a connected socket."""
        self.raw, self.deadline = raw, deadline

    def limit(self) -> None:
        """Lets the next operation take no longer than what is left.

        Raises:
          TimeoutError: nothing is.
        """
        self.raw.settimeout(self.deadline.left())

    def sendall(self, data: Any) -> None:
        """Sends all bytes."""
        self.limit()
        self.raw.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Returns what reads the socket."""
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Closes the socket once nothing reads it any more."""
        self.raw.close()


class TimedConnection(http.client.HTTPConnection):
    """A connection whose calls end by the deadline that is set before each."""

    _timed: TimedSocket | None = None

    def set_deadline(self, deadline: Deadline) -> None:
        """Sets the deadline of the next call, be it on a new connection.

        Raises:
          TimeoutError: it has passed.
        """
        self._deadline, self.timeout = deadline, deadline.left()
        if self._timed is not None:
            self._timed.deadline = deadline

    @property
    def is_open(self) -> bool:
        """Returns whether the connection was opened, and kept by both sides as far as is known."""
        return self.sock is not None

    def connect(self) -> None:
        """Connects, through the proxy if there is one."""
        super().connect()
        self._timed = TimedSocket(self.sock, self._deadline)
        self.sock = self._timed

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        super().close()
        self._timed = None


class TimedTLSConnection(TimedConnection, http.client.HTTPSConnection):
    """The same by TLS."""
