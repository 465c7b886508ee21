"""One run at a time per output folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_LOCK_FILE = "run.lock"


class BusyError(Exception):
    """Another process uses the output folder."""


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(out: Path) -> int | None:
    """Returns the id of the process that holds the folder's lock, None if nobody does."""
    if not (out / _LOCK_FILE).is_file():
        return None
    with open(out / _LOCK_FILE, encoding="utf-8") as file:
        return None if _lock(file) else int(file.read().strip() or 0) or None


@contextlib.contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Holds the folder's lock; the kernel gives it back however the process ends.

    Two runs at once would write the same metadata, checkpoints and pushed models.

    Raises:
      BusyError: another process holds the lock; the message has its id.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open(out / _LOCK_FILE, "a", encoding="utf-8") as file:
        if not _lock(file):
            raise BusyError(
                f"Another run (process {holder(out) or 'unknown'}) uses {out}: wait for its end, "
                "or choose another folder with OUT=folder."
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
