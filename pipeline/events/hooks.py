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

    Files take its input and output: it may read and write nothing, and what it started may not
    hold a pipe open.

    Raises:
      HookError: it took too long, or failed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(body + b"\n")
        given.seek(0)
        process = subprocess.Popen(
            command, shell=True, stdin=given, stdout=said, stderr=said, start_new_session=True
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HookError(f"it took longer than {seconds:g} s and was ended") from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            raise HookError(f"the command {describe_exit(status)}{_last_line(said)}")


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return f": {shorten(lines[-1])}" if lines else ""


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
