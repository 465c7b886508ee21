"""The Python cause of a failed Beam job, which runners on a cluster keep to themselves.

Flink's and Spark's job servers report `state FAILED` and at most a Java trace. What a worker raised
is in Flink's web interface, and in the logs of the workers.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules.files.patterns import find_files
from pipeline.beam.options import BeamOptions

_STATE = re.compile(r"^(?:RuntimeError: )?Pipeline \S+ failed in state [A-Z]+", re.MULTILINE)
_TRACE = "Traceback (most recent call last)"
_FRAME = re.compile(r'^ +File "')
_CAUSED_BY = re.compile(r"^Caused by: (.*)$", re.MULTILINE)
# What Java puts below the message of an exception.
_JAVA = re.compile(r"^\s+at [\w.$/<>]+\(|^\s+\.\.\. \d+ |^Caused by: |^\s+Suppressed: ")
_TAIL_BYTES = 1 << 20  # of a log
_SECONDS = 10.0
_CLOCK_SKEW = 60.0  # seconds between this machine and the cluster


class WorkerFailedError(RuntimeError):
    """A Beam job failed; the message is what a worker raised."""


def python_cause(text: str) -> str:
    """Returns the message of the last Python exception in a log or a Java trace, "" for none."""
    lines = text.splitlines()
    frames = [row for row, line in enumerate(lines) if _FRAME.match(line)]
    if not frames or _TRACE not in text:
        return ""
    after = lines[frames[-1] + 1 :]
    start = next((row for row, line in enumerate(after) if line[:1].strip()), len(after))
    message = []
    for line in after[start:]:
        if _JAVA.match(line) or not line.strip():
            break
        message.append(line)
    return "\n".join(message)


def cause_in(text: str) -> str:
    """Returns the Python cause in a text, else the first Java one, "" if there is neither."""
    java = _CAUSED_BY.findall(text)
    return python_cause(text) or (java[-1] if java else "")


def find_cause(options: BeamOptions, since: float) -> str:
    """Returns what workers raised in the newest job that failed, "" if that cannot be found.

    Args:
      options: where to look.
      since: start of the run, in seconds since 1970; older failures are others'.
    """
    found = ""
    if options.flink_url:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            found = cause_in(_flink_exception(options.flink_url.rstrip("/"), since))
    if not found and options.worker_logs:
        with contextlib.suppress(OSError, ValueError):
            found = _cause_in_logs(options.worker_logs, since)
    return found


def _get(url: str) -> Any:
    # Without the proxies of the environment: the cluster is near.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_SECONDS) as response:
        return json.load(response)


def _flink_exception(url: str, since: float) -> str:
    """Returns the trace of the newest failed job that ended after `since`."""
    earliest = (since - _CLOCK_SKEW) * 1000
    failed = [
        job
        for job in _get(f"{url}/jobs/overview")["jobs"]
        if job["state"] == "FAILED" and job["end-time"] >= earliest
    ]
    if not failed:
        return ""
    newest = max(failed, key=lambda job: job["end-time"])
    found = _get(f"{url}/jobs/{newest['jid']}/exceptions")
    history = (found.get("exceptionHistory") or {}).get("entries") or []
    texts = [found.get("root-exception") or "", *(entry.get("stacktrace", "") for entry in history)]
    return next((text for text in texts if python_cause(text)), texts[0])


def _cause_in_logs(pattern: str, since: float) -> str:
    """Returns the last Python exception of the log that was written to last."""
    files = [Path(path) for path in find_files(pattern)]
    newest = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
    for file in newest:
        if file.stat().st_mtime < since - _CLOCK_SKEW:
            break
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            if cause := python_cause(log.read().decode("utf-8", "replace")):
                return cause
    return ""


@contextlib.contextmanager
def explained(options: BeamOptions) -> Iterator[None]:
    """Replaces a failure without a Python cause by what the workers raised, where that is found.

    Raises:
      WorkerFailedError: a job failed, and the cause was found.
    """
    since = time.time()
    try:
        yield
    except Exception as error:
        text = str(error)
        if _STATE.search(text) and not python_cause(text):
            cause = find_cause(options, since) or cause_in(text)
            if cause:
                raise WorkerFailedError(cause) from error
        raise
