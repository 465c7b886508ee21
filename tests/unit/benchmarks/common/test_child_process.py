"""Children of a benchmark end with it, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.common.child_process import output_of
from pipeline.sample.generate import write_sample

PROJECT = Path(__file__).resolve().parents[4]
CHILD = "print('started', flush=True); import time; time.sleep(600)"
PARENT = f"""
import sys
from benchmarks.common.child_process import child_process
with child_process([sys.executable, "-c", {CHILD!r}]) as child:
    child.wait()
"""


def _is_empty(group: int) -> bool:
    """Returns whether no process of a process group is left but such as nobody has waited for.

    In a container the first process may wait for none that it did not start.
    """
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            state, _, of_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                return False
    return True


def _assert_that_sigterm_leaves_no_process(command: list[str], begins: str) -> None:
    """Runs a command until a line that begins like this, and stops it."""
    run = subprocess.Popen(
        [sys.executable, *command],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert run.stdout is not None
        assert any(line.startswith(begins) for line in run.stdout)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        assert run.returncode == 128 + signal.SIGTERM
        deadline = time.monotonic() + 10
        while not _is_empty(run.pid) and time.monotonic() < deadline:
            time.sleep(0.1)  # until the kernel has taken the last one down
        assert _is_empty(run.pid)
    finally:
        if not _is_empty(run.pid):
            os.killpg(run.pid, signal.SIGKILL)


def test_sigterm_ends_a_child() -> None:
    _assert_that_sigterm_leaves_no_process(["-c", PARENT], "started")


def test_sigterm_ends_a_run_of_the_pipeline_and_what_that_started(tmp_path: Path) -> None:
    """All benchmarks that run the pipeline do so by `preset_runs.run_preset`."""
    write_sample(tmp_path, sessions=300)
    script = ["benchmarks/quality.py", "sample", str(tmp_path), "--seeds", "1"]
    _assert_that_sigterm_leaves_no_process(script, "Pipeline sample")


def test_the_output_of_a_child_is_returned_and_its_errors_are_reported() -> None:
    assert output_of([sys.executable, "-c", "print(3)"], "counting") == "3\n"
    with pytest.raises(RuntimeError, match=r"counting failed:\n(.|\n)*ZeroDivisionError"):
        output_of([sys.executable, "-c", "1 / 0"], "counting")
