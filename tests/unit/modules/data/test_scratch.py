"""Folders that do not outlive their process by long."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from modules.data import scratch
from modules.data.scratch import remove_abandoned, scratch_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary[1]"  # no pattern
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def other_process(temporary: Path):
    """A process that has a file in its folder; it prints that folder."""
    code = """
        import sys, tempfile
        from modules.data.scratch import scratch_folder
        tempfile.tempdir = sys.argv[1]
        with scratch_folder() as folder:
            open(f"{folder}/large", "w").close()
            print(folder, flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(temporary)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.folder = Path(process.stdout.readline().strip())
        yield process
        process.kill()


def test_the_folder_is_gone_at_the_end_and_after_an_error(temporary: Path) -> None:
    for error in (None, KeyboardInterrupt()):
        try:
            with scratch_folder() as folder:
                (Path(folder) / "windows").write_text("many")
                assert Path(folder).parent == temporary
                if error:
                    raise error
        except KeyboardInterrupt:
            pass
        assert not list(temporary.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path, other_process) -> None:
    other_process.kill()
    other_process.wait()
    assert (other_process.folder / "large").exists()
    with scratch_folder() as folder:
        assert list(temporary.iterdir()) == [Path(folder)]


def test_a_folder_that_is_being_removed_gets_no_new_file(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers end at the same time: with a file more, the other one could not remove it."""
    folder = temporary / f"{scratch.PREFIX}other"
    folder.mkdir()
    monkeypatch.setattr(scratch.glob, "glob", lambda _: [str(folder / "lock")])
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)  # comes too late
    remove_abandoned()
    folder.rmdir()


def test_nothing_else_is_removed(temporary: Path, other_process) -> None:
    (temporary / "large").mkdir()
    (temporary / f"{scratch.PREFIX}unlocked").mkdir()  # as it is for a moment
    with scratch_folder() as one, scratch_folder() as two:
        remove_abandoned()
        assert Path(one).is_dir() and Path(two).is_dir()
        assert (other_process.folder / "large").exists()
    assert {path.name for path in temporary.iterdir()} == {
        *("large", f"{scratch.PREFIX}unlocked", other_process.folder.name)
    }
