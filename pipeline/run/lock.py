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


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
def exclusive(out: Path, lock: str = RUNNING) -> Iterator[None]:
    """Holds a lock of the folder; the kernel releases it however the process ends.

    Concurrent runs would write the same configuration, metadata, checkpoints and pushed models.
    There are two locks since the runner outlives a command that is killed.

    Raises:
      BusyError: another process holds the lock; the message has its id.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open(out / lock, "a", encoding="utf-8") as file:
        if not _lock(file):
            raise BusyError(
                f"Another run (process {holder(out, lock) or 'unknown'}) uses {out}: wait for its "
                "end, or name another folder with OUT=folder."
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
