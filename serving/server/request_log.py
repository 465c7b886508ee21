"""Writes the request log, beside the requests: a full disk or a slow one delays none.

See `serving.logged_requests` for the rows. A file holds the rows of one hour and one process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import logging
import os
import queue
import secrets
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from serving.logged_requests import HEADER, PATTERN, LoggedRequest

_LOG = logging.getLogger(__name__)
KEY_FILE = "visitor.key"
"""Name of the file with the key of the visitors' hashes, beside the log."""
_DIGITS = 16  # of a visitor's hash
_KEY_BYTES = 32
_WAITING = 10_000  # rows in memory
_FLUSH_SECONDS = 1.0
_HOUR = 3_600
Count = Callable[[str, int], None]


@dataclasses.dataclass(frozen=True)
class LogOptions:
    """Where and how much is logged.

    Attributes:
      folder: folder of the files.
      share: share of the sessions that are logged, each with all of its requests.
      hours: hours that are kept; older files are removed. None for all.
    """

    folder: Path
    share: float = 1.0
    hours: int | None = None


class RequestLog:
    """A log with a thread of its own."""

    def __init__(self, options: LogOptions, count: Count = lambda *_: None) -> None:
        """Starts the thread.

        Args:
          options: where and how much is logged.
          count: called with `written` or `dropped`, and a number of rows.

        Raises:
          OSError: the folder cannot be written.
        """
        self._options, self._count = options, count
        options.folder.mkdir(parents=True, exist_ok=True)
        self._key = _visitor_key(options.folder / KEY_FILE)
        self._rows: queue.Queue[LoggedRequest | None] = queue.Queue(_WAITING)
        self._file: TextIO | None = None
        self._hour, self._written, self._is_failing = "", 0, False
        self._name = uuid.uuid4().hex[:8]  # several servers may share a folder
        self._thread = threading.Thread(target=self._write_rows, name="request-log", daemon=True)
        self._thread.start()

    def takes(self, session_id: str) -> bool:
        """Returns whether requests of a session are logged; those without an id by chance."""
        if self._options.share >= 1:
            return True
        drawn = session_id.encode() if session_id else secrets.token_bytes(8)
        return zlib.crc32(drawn) < self._options.share * 2**32

    def visitor(self, visitor_id: str) -> str:
        """Returns the keyed hash of a visitor's id, "" for none."""
        return visitor_hash(self._key, visitor_id)

    def add(self, row: LoggedRequest) -> None:
        """Hands a row to the thread; drops it if too many wait."""
        try:
            self._rows.put_nowait(row)
        except queue.Full:
            self._count("dropped", 1)

    def close(self) -> None:
        """Writes what waits, and ends."""
        self._rows.put(None)
        self._thread.join()

    def _write_rows(self) -> None:
        is_over = False
        while not is_over:
            rows = self._next_rows()
            is_over = None in rows
            hours: dict[str, list[str]] = {}
            for row in rows:
                if row is not None:
                    hours.setdefault(_hour(row.time), []).append(row.line())
            for hour, lines in hours.items():
                what = "written" if self._write(hour, lines) else "dropped"
                self._count(what, len(lines))
        self._close_file()

    def _next_rows(self) -> list[LoggedRequest | None]:
        """Waits for a row; returns it with those that come within a second."""
        try:
            rows = [self._rows.get(timeout=_HOUR)]
        except queue.Empty:  # nobody sends requests; old files go all the same
            self._remove_old()
            return []
        end = time.monotonic() + _FLUSH_SECONDS
        while rows[-1] is not None and len(rows) < _WAITING:
            try:
                rows.append(self._rows.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
        return rows

    def _write(self, hour: str, lines: list[str]) -> bool:
        """Writes lines to the file of an hour; returns whether they are there."""
        try:
            file = self._file_of(hour)
            file.write("".join(lines))
            file.flush()
            self._written = file.tell()
        except OSError as error:
            self._fail(error)
            return False
        self._is_failing = False
        return True

    def _file_of(self, hour: str) -> TextIO:
        if hour == self._hour and self._file is not None and os.path.exists(self._file.name):
            return self._file
        self._close_file()
        self._options.folder.mkdir(parents=True, exist_ok=True)
        path = self._options.folder / f"requests-{hour}-{self._name}.tsv"
        self._file = open(
            path, "a", encoding="utf-8", newline="\n", errors="backslashreplace", opener=_for_group
        )
        self._hour, self._written = hour, self._file.tell()
        if self._written == 0:
            self._file.write(HEADER)
        self._remove_old()
        return self._file

    def _fail(self, error: OSError) -> None:
        """Says once that rows are lost, and tries a new file for the next ones."""
        if not self._is_failing:
            _LOG.warning("Rows of the request log are lost: %s", error)
        self._is_failing = True
        name = self._file and self._file.name
        self._close_file()
        if name:  # without the start of a row, to which the next one would be appended
            with contextlib.suppress(OSError):
                os.truncate(name, self._written)

    def _close_file(self) -> None:
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError:  # what could not be flushed is lost
            pass

    def _remove_old(self) -> None:
        if self._options.hours is None:
            return
        oldest = time.time() - self._options.hours * _HOUR
        for path in self._options.folder.glob(PATTERN):
            # Another server may have removed it, and what cannot be removed stays.
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _for_group(name: str, flags: int) -> int:
    """Opens a file that others cannot read: what shoppers clicked is theirs."""
    return os.open(name, flags, 0o640)


def _hour(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H", time.gmtime(seconds))


def visitor_hash(key: bytes, visitor_id: str) -> str:
    """Returns the first digits of HMAC-SHA256 of an id, "" for "".

    >>> visitor_hash(b"key", "ann")
    '9d77c3180ff81edf'
    """
    if not visitor_id:
        return ""
    return hmac.new(key, visitor_id.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _visitor_key(path: Path) -> bytes:
    """Reads the key of the visitors' hashes; makes one that only this user can read.

    Raises:
      OSError: the folder cannot be written, or the file is not a key.
    """
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # for this user alone
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES))
            with contextlib.suppress(FileExistsError):  # another server was first
                os.link(name, path)
        finally:
            os.unlink(name)
    try:
        key = bytes.fromhex(path.read_text())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise OSError(
            f"{path} is not a key of {_KEY_BYTES} bytes in hexadecimal digits: restore it, or "
            "remove it, and visitors get new hashes."
        )
    return key
