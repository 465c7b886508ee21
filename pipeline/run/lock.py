"""One run at a time per output folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

RUNNING = "run.lock"  # held by the process that runs the pipeline
STARTING = "start.lock"  # held by the command above it, from configuration to summary


class BusyError(Exception):
    """Another process uses the output folder."""


def _lock(file: IO[str], wait: bool = False) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def holder(out: Path, lock: str = RUNNING) -> int | None:
    """Returns the id of the process that holds a lock of the folder, None if there is none."""
    if not (out / lock).is_file():
        return None
    with open(out / lock, encoding="utf-8") as file:
        if _lock(file):
            return None
        text = file.read().strip()
        return int(text) if text.isdecimal() else None


@contextlib.contextmanager
def exclusive(out: Path, lock: str = RUNNING, wait: bool = False) -> Iterator[None]:
    """Holds a lock of the folder; the kernel releases it however the process ends.

    Concurrent runs would write the same configuration, metadata, checkpoints and pushed models.
    There are two locks since the runner outlives a command that is killed.

    Args:
      out: output folder.
      lock: name of the lock.
      wait: whether to wait for a process that holds the lock; a line says so.

    Raises:
      BusyError: another process holds the lock; the message has its id.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open(out / lock, "a", encoding="utf-8") as file:
        if not _lock(file):
            other = f"Another run (process {holder(out, lock) or 'unknown'}) uses {out}"
            if not wait:
                raise BusyError(
                    f"{other}: wait for its end (--wait does), or name another folder with "
                    "OUT=folder. What is left of a run that was killed ends by itself, within a "
                    "minute or so."
                )
            print(f"{other}: waiting for its end.", flush=True)
            _lock(file, wait)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
