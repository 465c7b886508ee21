"""Trains with several workers on this machine, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfx.components.trainer.fn_args_utils import FnArgs

from modules.data.scratch import remove_abandoned
from modules.training.job_file import write_job

_MODULE = "modules.trainer"
END_WITH_STDIN = "--end-with-stdin"
"""Argument of a worker that must not outlive the process that started it."""
_STARTS = 3
_SECONDS_BETWEEN_LOOKS = 0.2
_LINES_SHOWN = 20
# Lines of the training, unlike those of a traceback.
_PROGRESS = re.compile(r"    (epoch|resumed|warm|weights|what|current_item_penalty|item feature) ")


def train(fn_args: FnArgs, count: int) -> None:
    """Trains a model with several workers and writes what a single one would.

    If a worker dies, all start again from the last epoch, at most twice.

    Args:
      fn_args: arguments of `modules.trainer.run_fn`.
      count: number of workers.

    Raises:
      RuntimeError: a worker failed three times; with the end of what it wrote.
    """
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as at_end:
        at_end.callback(remove_abandoned)  # the windows of workers that were killed
        job = os.path.join(scratch, "job.json")
        write_job(fn_args, job)
        for start in range(1, _STARTS + 1):
            failed = _run(job, count, Path(scratch))
            if failed is None:
                return
            ended = f"worker {failed.index} of {count} ended with status {failed.status}"
            if start == _STARTS:
                raise RuntimeError(f"{ended}:\n{failed.last_words}")
            print(f"    {ended}; all start again from the last epoch", flush=True)


def end_with_stdin() -> None:
    """Ends this process as soon as its standard input is closed."""

    def wait() -> None:
        # Not by `sys.stdin`: Python aborts if a thread still holds its lock when it ends.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class _Failure:
    """A worker that failed: its number, exit status, and the end of what it wrote."""

    def __init__(self, index: int, status: int, log: Path) -> None:
        self.index, self.status = index, status
        lines = log.read_text("utf-8", "replace").splitlines()
        self.last_words = "\n".join(lines[-_LINES_SHOWN:])


def _run(job: str, count: int, scratch: Path) -> _Failure | None:
    """Runs all workers; as soon as one fails, ends the others and returns it."""
    addresses = [f"localhost:{port}" for port in _free_ports(count)]
    logs = [scratch / f"worker-{index}.log" for index in range(count)]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(_started(job, addresses, index, log))
            for index, log in enumerate(logs)
        ]
        shown = 0
        while True:
            # Looked at before the log, so that nothing written last is missed.
            statuses = [process.poll() for process in processes]
            shown = _show_new(logs[0], shown)
            failed = [index for index, status in enumerate(statuses) if status]
            if failed:
                return _Failure(failed[0], statuses[failed[0]] or 0, logs[failed[0]])
            if all(status == 0 for status in statuses):
                return None
            time.sleep(_SECONDS_BETWEEN_LOOKS)


@contextlib.contextmanager
def _started(
    job: str, addresses: Sequence[str], index: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a worker, and ends it with the context."""
    place = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    environ = {**os.environ, "TF_CONFIG": json.dumps(place)}
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", _MODULE, job, END_WITH_STDIN],
            stdin=subprocess.PIPE,  # closed when this process ends, however it does
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _show_new(log: Path, shown: int) -> int:
    """Prints the chief's lines about its progress from a byte on; returns where they end."""
    with open(log, "rb") as file:
        file.seek(shown)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        if _PROGRESS.match(line):
            print(line, flush=True)
    return shown + len(whole)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [int(one.getsockname()[1]) for one in sockets]
