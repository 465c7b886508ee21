"""The processes that read Parquet, which a crash of PyArrow may end."""

from __future__ import annotations

import atexit
import io
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

from modules.row_formats.parquet_worker import (
    BYTES,
    DONE,
    ERROR,
    REQUEST,
    WANTED,
    receive,
    send,
)
from modules.row_formats.parts import DamagedTableError

# The path is an argument: only runners may set a process's environment.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from modules.row_formats.parquet_worker import main; main()"
)
_LOCK = threading.Lock()
_IDLE: list[tuple[int, subprocess.Popen[bytes]]] = []


def ask(file: IO[bytes], request: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the frames that answer a request about an open file.

    Args:
      file: a Parquet file, which can seek.
      request: see `modules.row_formats.parquet_worker.answer`, without the length.

    Raises:
      DamagedTableError: the file cannot be read, or crashed the process that read it.
    """
    request = {**request, "length": file.seek(0, io.SEEK_END)}
    process = _take()
    done = False
    try:
        source, sink = process.stdout, process.stdin
        assert source is not None and sink is not None
        send(sink, REQUEST, json.dumps(request).encode())
        while not done:
            found = receive(source)
            if found is None:
                raise DamagedTableError(
                    f"PyArrow crashed while it read the file (status {process.wait()})"
                )
            kind, payload = found
            if kind == WANTED:
                offset, size = struct.unpack("<QQ", payload)
                file.seek(offset)
                send(sink, BYTES, file.read(size))
                continue
            done = kind in (DONE, ERROR)
            if kind == ERROR:
                raise DamagedTableError(f"PyArrow cannot read it ({payload.decode()})")
            if not done:
                yield kind, payload
    except BrokenPipeError:
        raise DamagedTableError(
            f"PyArrow crashed while it read the file (status {process.wait()})"
        ) from None
    finally:
        if done:
            _give_back(process)
        else:
            _stop(process)


def _take() -> subprocess.Popen[bytes]:
    with _LOCK:
        own = [entry for entry in _IDLE if entry[0] == os.getpid()]
        if own:
            _IDLE.remove(own[-1])
            return own[-1][1]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _give_back(process: subprocess.Popen[bytes]) -> None:
    with _LOCK:
        _IDLE.append((os.getpid(), process))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                pass  # what was not yet written is of no use any more
    process.wait()


@atexit.register
def stop_all() -> None:
    """Stops the idle processes of this one."""
    with _LOCK:
        own = [entry for entry in _IDLE if entry[0] == os.getpid()]
        for entry in own:
            _IDLE.remove(entry)
    for _, process in own:
        _stop(process)
