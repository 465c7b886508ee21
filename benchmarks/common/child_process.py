"""Child processes that end with the script that started them, by SIGTERM too."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def child_process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Starts a child process, which is ended by SIGTERM where it outlives the block.

    A SIGTERM of this process leaves the block by SystemExit, so that the child can end its own
    children; by itself, it would end this process alone.

    Args:
      command: program and arguments.
      **options: further arguments of `subprocess.Popen`.
    """
    signal.signal(signal.SIGTERM, _exit)
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


def output_of(command: Sequence[str], what: str, **options: Any) -> str:
    """Runs a child process and returns its standard output.

    Args:
      command: program and arguments.
      what: what it does, for the error.
      **options: further arguments of `subprocess.Popen`.

    Raises:
      RuntimeError: it failed; the message ends with the last lines of its errors.
    """
    pipe = subprocess.PIPE
    with child_process(command, stdout=pipe, stderr=pipe, **options) as process:
        output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{what} failed:\n{errors[-3000:]}")
    return output


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)
