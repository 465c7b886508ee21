"""A run that is stopped leaves no process behind; while it runs, its folder is its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.run_lock import holder
from pipeline.sample_data import write_sample

PROJECT = Path(__file__).resolve().parents[2]


def _start(folder: Path, epochs: int) -> subprocess.Popen[str]:
    data = folder / "data"
    files = ["--train", str(data / "train.tsv"), "--test", str(data / "test.tsv")]
    options = ["--set", f"trainer.epochs={epochs}", "--out", str(folder / "out")]
    return subprocess.Popen(
        [sys.executable, "run.py", *files, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        start_new_session=True,
    )


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process_id}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sample(tmp_path / "data", sessions=300)
    return tmp_path


def test_sigterm_ends_all_processes_and_a_second_run_waits_its_turn(folder: Path) -> None:
    run = _start(folder, epochs=10_000)
    try:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("[1/"):
                break
        runner = holder(folder / "out")
        assert runner not in (None, run.pid)

        second = _start(folder, epochs=1)
        output, errors = second.communicate(timeout=60)
        assert (second.returncode, output) == (2, "")
        assert f"Another run (process {runner}) uses {folder / 'out'}" in errors

        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        assert run.returncode == 128 + signal.SIGTERM
        deadline = time.monotonic() + 30
        while _is_alive(runner) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not _is_alive(runner)
        assert holder(folder / "out") is None
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
