"""One run at a time per output folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class BusyError(Exception):
    """Another process uses the output folder."""


@contextlib.contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Holds the folder's lock; the kernel gives it back however the process ends.

    Two runs at once would write the same metadata, checkpoints and pushed models.

    Raises:
      BusyError: another process holds the lock; the message has its id.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "run.lock", "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"Another run (process {holder}) uses {out}: wait for its end, or choose another "
                "folder with OUT=folder."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
