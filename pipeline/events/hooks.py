"""Hands an event to the operator's command or address; nothing here can fail a run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Mapping
from typing import IO, Any

from modules.config.options.hooks import HookOptions
from modules.messages.exit_status import describe_exit
from modules.messages.quoting import first_line, shorten

_KEPT_BYTES = 65_536
_PATIENCE_SECONDS = 1.0  # for what a command has left running
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


class HookError(Exception):
    """A command or address did not take an event; the message says why."""


def send(options: HookOptions, event: Mapping[str, Any]) -> str | None:
    """Hands an event over, if there is a hook for it.

    Args:
      options: the hook.
      event: content of the event; `event` is its name.

    Returns:
      A warning if the hook did not take the event, else None.
    """
    if not options.on_event or event["event"] not in options.events:
        return None
    body = json.dumps(event).encode()  # in ASCII: paths may have characters that UTF-8 has not
    call = _post if _ADDRESS.match(options.on_event) else _run
    try:
        call(options.on_event, body, options.timeout_seconds)
    except Exception as error:  # A run that is done stays done.
        reason = str(error) if isinstance(error, HookError) else first_line(error)
        return f"Warning: hooks.on_event did not take the event {event['event']}: {reason}"
    return None


def _run(command: str, body: bytes, seconds: float) -> None:
    """Runs a shell command in a process group of its own, which is ended with it.

    A file is its input, since it may read nothing. Of its output only the end is kept, and what it
    started may hold that open: the reader is not waited for.

    Raises:
      HookError: it took too long, or failed.
    """
    with tempfile.TemporaryFile() as given:
        given.write(body + b"\n")
        given.seek(0)
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout
        output = _Tail(process.stdout)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HookError(f"it took longer than {seconds:g} s and was ended") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            raise HookError(f"the command {describe_exit(status)}{output.last_line()}")


class _Tail:
    """Reads a stream to its end in a thread of its own, and keeps its last bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._end = b""
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def last_line(self) -> str:
        """Returns a colon and the last line, "" without one."""
        self._reader.join(_PATIENCE_SECONDS)
        lines = self._end.decode("utf-8", "replace").strip().splitlines()
        return f": {shorten(lines[-1])}" if lines else ""

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while block := os.read(stream.fileno(), _KEPT_BYTES):
                self._end = (self._end + block)[-_KEPT_BYTES:]


def _post(address: str, body: bytes, seconds: float) -> None:
    """Posts JSON; a slow answer, whatever is slow about it, is given up on.

    Raises:
      HookError: there was no answer in time, or it was an error.
    """
    request = urllib.request.Request(
        address, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    failed: list[Exception] = []

    def call() -> None:
        try:
            # A timeout for each step of the call, and longer: the one that counts is below.
            with urllib.request.urlopen(request, timeout=2 * seconds) as answer:
                answer.read(1)
        except Exception as error:
            failed.append(error)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    caller.join(seconds)
    if caller.is_alive():
        raise HookError(f"no answer within {seconds:g} s")
    if failed:
        raise HookError(first_line(failed[0]))
