"""run_fn in a process of its own, so that it can be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
CODE = textwrap.dedent(
    """
    import gc, json, sys
    gc.disable()  # imports make no garbage
    from modules import trainer
    from tfx.components.trainer.fn_args_utils import FnArgs
    gc.enable()
    trainer.run_fn(FnArgs(**json.loads(sys.argv[1])))
    """
)


class TrainingProcess:
    """A process that trains.

    Attributes:
      lines: what it has printed so far.
      pid: its number.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        """Starts the process with arguments of run_fn."""
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, json.dumps(arguments)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid

    def wait_for(self, pattern: str) -> None:
        """Waits until the process has printed a line like `pattern`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if re.search(pattern, line):
                return
        pytest.fail(f"ended before {pattern!r}: {self.lines}")

    def kill_at(self, pattern: str) -> list[str]:
        """Kills the process when it has printed a line like `pattern`; returns all its lines."""
        try:
            self.wait_for(pattern)
        finally:
            self._process.send_signal(signal.SIGKILL)
        # It may have got further before the signal came.
        self.lines += self._process.stdout.read().splitlines()
        assert self._process.wait() == -signal.SIGKILL
        return self.lines

    def finish(self) -> list[str]:
        """Waits for the end; returns all lines."""
        output, _ = self._process.communicate(timeout=300)
        self.lines += output.splitlines()
        assert self._process.returncode == 0, self.lines
        return self.lines
