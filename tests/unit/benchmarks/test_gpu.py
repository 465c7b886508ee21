"""The GPU check's table and exit statuses, on a machine without a GPU."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu_check.table import CHECKS, FULL, PRECISIONS, all_rows
from tests.unit.benchmarks.gpu_check.test_table import FIT, STEPS, TRAINING

SCRIPT = Path(gpu.__file__)
# What a machine with two GPUs might measure.
GOOD: dict[str, Any] = {
    **{name: TRAINING for name in (*PRECISIONS, *FULL)},
    "steps": STEPS,
    "replicas": {"one": [3.0, 2.0], "several": [3.0, 2.001], "devices": 2},
    "fit": FIT,
}


@pytest.mark.parametrize(
    ("gpus", "fits", "replicas"), [(0, [0], [0]), (1, [0, 1], []), (4, [0, 1, 4], [4])]
)
def test_all_gpus_are_used_where_there_are_several(
    gpus: int, fits: list[int], replicas: list[int]
) -> None:
    planned = list(gpu.plan(gpus, CHECKS))
    assert [number for name, number in planned if name == "fit"] == fits
    assert [number for name, number in planned if name == "replicas"] == replicas
    assert {number for name, number in planned if name in PRECISIONS} == {min(gpus, 1)}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 0),
        ({"mixed_bfloat16": TRAINING | {"cudnn_rnn_ms": {}}}, 1),
        ({"steps": gpu.MeasurementError("it failed\nhow")}, 1),
    ],
)
def test_one_table_and_the_exit_status(
    changed: dict[str, Any],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The measurements of processes are given; this machine has no GPU to make them."""
    found = {"gpus": [{"name": "A", "capability": "9.0"}] * 2, **GOOD, **changed}

    def measure(name: str, gpus: int, options: argparse.Namespace, seconds: float) -> Any:
        if isinstance(found[name], Exception):
            raise found[name]
        return found[name], ""

    monkeypatch.setattr(gpu, "measure", measure)
    assert gpu.main([]) == status
    printed = capsys.readouterr()
    assert printed.err.startswith("GPU: A, compute capability 9.0\n" * 2)
    lines = printed.out.splitlines()
    assert lines[0].split() == ["check", "what", "found", "limit"]
    assert lines[-1].startswith(f"{status} of ") and lines[-1].endswith(" limits missed.")
    assert sum(line.endswith("FAILED") for line in lines) == status


def test_libraries_that_tensorflow_does_not_find_by_itself_are_a_failed_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cudnn", "cublas"):
        (tmp_path / "nvidia" / name / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "nothing").mkdir()
    path = f"{tmp_path}/nvidia/cublas/lib:{tmp_path}/nvidia/cudnn/lib"

    def measure(name: str, gpus: int, options: argparse.Namespace, seconds: float) -> Any:
        known = os.environ["LD_LIBRARY_PATH"].startswith(path)
        return [{"name": "A", "capability": "9.0"}] if known else [], "Cannot dlopen libraries"

    monkeypatch.setattr(gpu, "measure", measure)
    monkeypatch.setattr(gpu.sysconfig, "get_paths", lambda: {"purelib": str(tmp_path)})
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    options = gpu.read_arguments([])
    number, (row,) = gpu.find_gpus(options)
    assert (number, row.passed, row.found) == (1, False, "with LD_LIBRARY_PATH")
    assert os.environ["LD_LIBRARY_PATH"] == f"{path}:/mine"
    assert f"TensorFlow needs LD_LIBRARY_PATH={path}:/mine" in capsys.readouterr().err
    number, (row,) = gpu.find_gpus(options)  # from now on it does
    assert (number, row.passed) == (1, True)


def test_of_two_gpus_nothing_is_left_out() -> None:
    measured = {(name, number): GOOD[name] for name, number in gpu.plan(2, CHECKS)}
    checks = [row.check for row in all_rows(measured)]
    assert {f"training, {name}" for name in (*PRECISIONS, *FULL)} < {*checks}
    assert {"replicas", "whole fit, CPU", "whole fit, GPU", "whole fit, 2 GPUs"} < {*checks}


# In earnest: processes of their own, which use TensorFlow.


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the script on the CPU alone, also where there are GPUs."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
    )


def test_without_a_gpu_it_says_so_and_has_a_status_of_its_own() -> None:
    done = _run()
    assert (done.returncode, done.stdout) == (gpu.NO_GPU, "")
    assert done.stderr.startswith("No GPU: TensorFlow finds none on this machine, and nothing was")
    assert "docs/gpu.md" in done.stderr and "Traceback" not in done.stderr
    assert gpu.NO_GPU not in (0, gpu.FAILED, 2)


@pytest.mark.exhaustive
def test_a_rehearsal_on_the_cpu_fails_where_only_a_gpu_can_pass() -> None:
    done = _run("--rehearse", "--only", "float32", "replicas", "--sessions", "300")
    assert done.returncode == gpu.FAILED
    rows = done.stdout.splitlines()
    failed = [row for row in rows if row.endswith("FAILED")]
    assert len(failed) == 5
    assert all("GPU" in row or "Cudnn" in row for row in failed)
    assert [row.split()[-1] for row in rows if row.startswith(("replicas", "all"))] == ["ok"] * 2


def test_a_process_that_fails_or_takes_too_long_leaves_a_row() -> None:
    done = _run("--rehearse", "--only", "fit", "--preset", "no-such-preset")
    assert done.returncode == gpu.FAILED
    assert "no-such-preset" in done.stderr
    assert "fit, CPU" in done.stdout and "it failed with exit status 1" in done.stdout
    late = _run("--rehearse", "--only", "fit", "--minutes", "0.001")
    assert late.returncode == gpu.FAILED
    assert "it was stopped after 1 s" in late.stdout
