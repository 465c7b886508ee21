"""`session-retrieval doctor` on this environment, and on broken ones."""

from __future__ import annotations

import importlib
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.commands import doctor
from pipeline.cli.commands.doctor import FEATURES
from pipeline.cli.main import main

PROJECT = Path(__file__).resolve().parents[5]


def _doctor(
    out: Path, *before: Path, options: tuple[str, ...] = (), folder: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """Runs the command with folders of packages before those that are installed."""
    path = os.pathsep.join(map(str, [*before, PROJECT]))
    return subprocess.run(
        [sys.executable, *options, "-m", "pipeline.cli", "doctor", "--out", str(out)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_all_that_a_run_needs_is_here(tmp_path: Path) -> None:
    done = _doctor(tmp_path / "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Python {sys.version.split()[0]} in {sys.prefix}" in done.stdout
    assert "CPU:0" in done.stdout and f"GiB free for {tmp_path}/new" in done.stdout
    assert "Everything a run needs is installed." in done.stdout
    assert not (tmp_path / "new").exists()


def test_a_copy_without_the_set_up_is_not_a_checkout(tmp_path: Path) -> None:
    """As in the image."""
    for name in ("modules", "pipeline"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / "setup.py", tmp_path)
    done = _doctor(tmp_path / "new", tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Stack      unknown: {tmp_path} is not a checkout" in done.stdout
    assert "CPU:0" in done.stdout and "(locked:" not in done.stdout


def test_what_is_broken_is_named_with_how_to_fix_it(tmp_path: Path) -> None:
    info = tmp_path / "first" / "tensorflow_recommenders-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: tensorflow-recommenders\nVersion: 0.1\n")
    (tmp_path / "first" / "tensorflow.py").write_text("raise ImportError('libfoo.so is lost')\n")
    (tmp_path / "file").touch()
    done = _doctor(tmp_path / "file" / "out", tmp_path / "first")
    assert done.returncode == 1
    for words in (
        "tensorflow-recommenders 0.1 (locked: 0.7.7)",
        "Problem: tensorflow-recommenders is 0.1, needs <0.8,>=0.7.7\n    fix: make clean-env",
        "failed with exit status 1: ImportError: libfoo.so is lost\n    fix: make clean-env",
        f"Problem: {tmp_path}/file cannot be written to\n    fix: name another folder",
        "Runs fail until that is fixed.",
    ):
        assert words in done.stdout, done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_packages_that_are_missing_are_named_with_the_features_that_need_them(
    tmp_path: Path,
) -> None:
    """In an environment of four packages."""
    for name in ("click", "packaging", "yaml", "numpy"):
        (origin,) = importlib.import_module(name).__path__
        (tmp_path / name).symlink_to(origin)
    done = _doctor(tmp_path, tmp_path, options=("-S",))
    assert done.returncode == 1, done.stderr
    assert "Problem: tfx is not installed\n    fix: make clean-env" in done.stdout
    for name, feature in FEATURES.items():
        assert f"{name:<9} {feature}: missing: " in done.stdout
        assert f"environment.py setup --extra {name}\n" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_every_extra_says_what_it_is_for() -> None:
    setup = runpy.run_path(str(PROJECT / "setup.py"), run_name="setup")
    assert set(FEATURES) == set(setup["EXTRAS_REQUIRE"])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system of its own")
def test_a_disk_that_is_nearly_full_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage("/dev/shm").free
    monkeypatch.setattr(doctor, "_FREE", free + (1 << 30))
    (problem,) = doctor.check_disk(Path("/dev/shm/out")).problems
    assert problem.what.endswith("is free for /dev/shm/out")
    monkeypatch.setattr(doctor, "_FREE", 1)
    assert not doctor.check_disk(Path("/dev/shm/out")).problems


@pytest.mark.parametrize(
    ("out", "words"),
    [("x" * 300, "cannot be accessed: File name too long"), ("gs://b/out", "not on this machine")],
)
def test_a_folder_that_no_run_can_write_to_is_refused(
    out: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--out", out]) == 2
    assert words in capsys.readouterr().err
