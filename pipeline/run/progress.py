"""Progress lines of a local run, and the reason if it fails.

LocalDagRunner reports only to its log. A handler on that log prints a line per node; what other
libraries log below WARNING is neither formatted nor shown.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TextIO

FAILED = "Failed: "
DAMAGED = "Damaged: "
_BEAT_SECONDS = 10.0
_MAX_CAUSE_LINES = 20
# The runner's and the launcher's messages, before their arguments are filled in.
_RUNNING = "Component %s is running."
_CACHED = "A cached execution %d is used."
_FINISHED = "Component %s is finished."
_LINE = re.compile(r"^\[\d+/\d+\] (?P<node>\S+) \.\.\. (?P<end>.*)$", re.MULTILINE)
_DONE = re.compile(r"(?:^|\.\.\. )(?:cached|[\d.]+ s)$")


class NodeError(Exception):
    """A node failed: the message is its id, `__cause__` the node's own exception."""


class Console(io.TextIOWrapper):
    """A text stream with a line that can stay open: other output starts a new one."""

    def __init__(self, descriptor: int):
        """Takes over a file descriptor, and closes it at the end."""
        super().__init__(os.fdopen(descriptor, "wb"), encoding="utf-8", line_buffering=True)
        self._lock = threading.RLock()
        self._line_is_open = False

    def write(self, text: str) -> int:
        """Writes text; ends an open line first."""
        with self._lock:
            if self._line_is_open and text:
                super().write("\n")
                self._line_is_open = False
            return super().write(text)

    def open_line(self, text: str) -> None:
        """Writes the start of a line."""
        with self._lock:
            self.write(text)
            self._line_is_open = True
            self.flush()

    def extend_line(self, text: str) -> bool:
        """Adds to the open line; False if it was ended by another writer."""
        with self._lock:
            if self._line_is_open:
                super().write(text)
                self.flush()
            return self._line_is_open

    def end_line(self, text: str) -> bool:
        """Adds to the open line and ends it; False if it was ended by another writer."""
        with self._lock:
            was_open = self.extend_line(text + "\n")
            self._line_is_open = False
            return was_open


class NodeProgress(logging.Handler):
    """Prints a line per node from TFX's log records.

    Attributes:
      seconds: wall time of each finished node.
      cached: nodes whose outputs came from the cache.
      current: node that runs now, or that failed.
    """

    def __init__(self, console: Console, total: int, finished: Callable[[str], None]):
        """Prints to `console`; `total` nodes are expected; `finished` is called with each one."""
        super().__init__(logging.INFO)
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.current: str | None = None
        self._console = console
        self._total = total
        self._finished = finished
        self._started = 0.0
        self._next_beat = _BEAT_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Notices the start, the cache hit and the end of a node."""
        if record.msg == _RUNNING and record.args:
            self._start(str(record.args[0]))  # type: ignore[index]
        elif record.msg == _CACHED and self.current:
            self.cached.append(self.current)
        elif record.msg == _FINISHED and self.current:
            self._finish(self.current)

    def beat(self) -> None:
        """Adds the elapsed time to an open line at intervals."""
        seconds = time.monotonic() - self._started
        if self.current and seconds >= self._next_beat:
            self._console.extend_line(f"{seconds:.0f} s ... ")
            self._next_beat += _BEAT_SECONDS

    def fail(self) -> None:
        """Ends the line of the node that runs."""
        if self.current:
            self._end(f"failed after {time.monotonic() - self._started:.1f} s")

    def _start(self, node: str) -> None:
        self.current, self._started = node, time.monotonic()
        self._next_beat = _BEAT_SECONDS
        self._console.open_line(f"{self._head(node)} ... ")

    def _finish(self, node: str) -> None:
        self._finished(node)
        seconds = time.monotonic() - self._started
        self._end("cached" if node in self.cached else f"{seconds:.1f} s")
        self.seconds[node] = round(seconds, 3)
        self.current = None

    def _end(self, text: str) -> None:
        if not self._console.end_line(text):
            print(f"{self._head(self.current or '')} ... {text}", file=self._console)

    def _head(self, node: str) -> str:
        return f"[{len(self.seconds) + 1}/{self._total}] {node}"


@contextlib.contextmanager
def console() -> Iterator[Console]:
    """Makes `sys.stdout` a Console, and redirects what subprocesses write there to stderr.

    So the user sees what is printed here, without the output of wheel builds and pip.
    """
    sys.stdout.flush()
    kept, stream = os.dup(1), Console(os.dup(1))
    previous: TextIO = sys.stdout
    os.dup2(2, 1)
    sys.stdout = stream
    try:
        yield stream
    finally:
        stream.flush()
        sys.stdout = previous
        os.dup2(kept, 1)
        os.close(kept)
        stream.close()


@contextlib.contextmanager
def watch_nodes(
    stream: Console, total: int, finished: Callable[[str], None]
) -> Iterator[NodeProgress]:
    """Prints a line per node while the context lasts.

    Args:
      stream: console to print to.
      total: number of expected nodes.
      finished: called with the id of each node when its outputs exist.

    Raises:
      NodeError: an exception was raised while a node ran; it is the cause.
    """
    from absl import logging as absl_logging

    logging.basicConfig(level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setLevel(max(handler.level, logging.WARNING))
    progress, ended = NodeProgress(stream, total, finished), threading.Event()
    beats = threading.Thread(target=_beat_until, args=(ended, progress), daemon=True)
    # Not `setLevel` of the logger: saving a SavedModel restores the level that absl has set.
    verbosity = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logging.get_absl_logger().addHandler(progress)
    beats.start()
    try:
        yield progress
    except (Exception, SystemExit) as error:  # A node's exit must not look like the run's end.
        progress.fail()
        if progress.current:
            raise NodeError(progress.current) from error
        raise
    finally:
        ended.set()
        absl_logging.get_absl_logger().removeHandler(progress)
        absl_logging.set_verbosity(verbosity)


def _beat_until(ended: threading.Event, progress: NodeProgress) -> None:
    while not ended.wait(1.0):
        progress.beat()


def running_node(shown: str) -> str:
    r"""Returns the node that was running, or had failed, when these lines were all; "" for none.

    >>> running_node("[1/2] Transform ... 9.1 s\n[2/2] Trainer ... 10 s ... ")
    'Trainer'
    >>> running_node("[1/2] Transform ... 9.1 s\n")
    ''
    """
    lines = list(_LINE.finditer(shown))
    return lines[-1]["node"] if lines and not _DONE.search(lines[-1]["end"]) else ""


def report_failure(error: BaseException) -> None:
    """Prints what failed and why to stdout, and the whole traceback to stderr."""
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    sys.stderr.flush()
    where, cause = "", error
    if isinstance(error, NodeError) and error.__cause__:
        where, cause = f"{error}: ", error.__cause__
    print(f"{FAILED}{where}{cause_of(cause)}", flush=True)


def cause_of(error: BaseException) -> str:
    """Returns the message of the original exception.

    Beam's worker passes a failure on as one text: the whole traceback, then the message, then the
    step that failed. Only the message of such a text is kept.
    """
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    lines = text.splitlines()
    frames = [row for row, line in enumerate(lines) if line.startswith('  File "')]
    if frames:
        after = lines[frames[-1] + 1 :]
        lines = after[next((i for i, line in enumerate(after) if line[:1].strip()), 0) :]
    lines = [line for line in lines if line.strip()] or [type(error).__name__]
    if len(lines) > _MAX_CAUSE_LINES:
        lines = [*lines[:_MAX_CAUSE_LINES], "..."]
    return "\n".join(lines)
