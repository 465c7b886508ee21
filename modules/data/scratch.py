"""A folder for what is too large for memory and worth nothing once its process has ended."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator

PREFIX = "session-retrieval-windows-"
"""Begins the names of these folders, which lie in the temporary folder (`TMPDIR`)."""
_LOCK = "lock"


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """Yields a new folder on this machine, and removes it, also after an error.

    What killed processes have left is removed too.
    """
    remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        lock = os.path.join(folder, _LOCK)
        with open(lock + ".new", "w", encoding="utf-8") as file:
            # The kernel releases it however the process ends. Renamed once it is held, so that
            # nobody takes the folder for an abandoned one before.
            fcntl.flock(file, fcntl.LOCK_EX)
            os.rename(lock + ".new", lock)
            yield folder


def remove_abandoned() -> None:
    """Removes the folders of processes that have ended without removing them."""
    for lock in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{PREFIX}*", _LOCK)):
        # It may be gone by now, held, or another user's.
        with contextlib.suppress(OSError), open(lock, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(os.path.dirname(lock), ignore_errors=True)
