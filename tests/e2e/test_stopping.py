"""A run that is stopped leaves no process behind, and one that is killed is continued."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.run.lock import holder
from pipeline.sample.generate import write_sample

PROJECT = Path(__file__).resolve().parents[2]


def _start(folder: Path, epochs: int, *settings: str) -> subprocess.Popen[str]:
    """Starts a run on `data` that leaves its results in `out`; while it runs, `out` is its own."""
    data = folder / "data"
    files = ["--train", str(data / "train.tsv"), "--test", str(data / "test.tsv")]
    chosen = " ".join([f"trainer.max_epochs={epochs}", *settings])
    options = ["--set", chosen, "--out", str(folder / "out")]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "run", *files, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        start_new_session=True,
    )


def _wait_until_free(out: Path) -> None:
    """Waits until the kernel has taken a killed process down to its last thread."""
    deadline = time.monotonic() + 30
    while holder(out) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert holder(out) is None


def _failures(out: Path) -> list[dict[str, str]]:
    return [json.loads(file.read_text("utf-8")) for file in out.glob("runs/*/failure.json")]


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
        assert (second.returncode, output) == (3, "")
        assert f"Another run (process {run.pid}) uses {folder / 'out'}" in errors

        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        assert run.returncode == 128 + signal.SIGTERM
        _wait_until_free(folder / "out")
        (failure,) = _failures(folder / "out")
        assert failure["cause"] == "the run was killed by SIGTERM"
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


def test_the_run_after_a_kill_goes_on_where_that_one_was(folder: Path) -> None:
    settings = (
        "trainer.early_stopping_patience=null",
        "trainer.refit=false",
        "model.ensemble_size=1",
        "baselines.names=[popularity]",
        "gate.beat_baselines=[popularity]",
        "gate.resamples=100",
        "serving.sessions=20",
    )
    run = _start(folder, 40, *settings)
    done = 0
    try:
        assert run.stdout is not None
        for line in run.stdout:
            found = re.match(r"\s+epoch (\d+)/40 ", line)
            done = int(found[1]) if found else done
            if done >= 3:
                break
        runner = holder(folder / "out")
        assert runner not in (None, run.pid)
        os.kill(runner, signal.SIGKILL)  # as the kernel does where memory is short
        rest, _ = run.communicate(timeout=60)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 1
    # On a line of its own, whatever the killed process was writing.
    assert re.search(r"^Failed: the run was killed by SIGKILL \(out of memory\?\)", rest, re.M)
    _wait_until_free(folder / "out")
    (failure,) = _failures(folder / "out")
    assert failure["node"] == "Trainer" and "SIGKILL" in failure["cause"]
    done += len(re.findall(r"^ +epoch \d+/40 ", rest, re.MULTILINE))
    assert 3 <= done < 40

    again = _start(folder, 40, *settings)
    output, errors = again.communicate(timeout=600)
    assert again.returncode == 0, output + errors
    assert "SessionExampleGen ... cached" in output and "Transform ... cached" in output
    assert "resumed" in output
    epochs = [int(number) for number in re.findall(r"^ +epoch (\d+)/40 ", output, re.MULTILINE)]
    assert epochs == list(range(epochs[0], 41)) and epochs[0] > 2
