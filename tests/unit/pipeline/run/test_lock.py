from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.run.lock import BusyError, exclusive

PROJECT = Path(__file__).resolve().parents[4]
HOLDER = """
import sys, time
from pathlib import Path
from pipeline.run.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_until_the_first_one_ends_however_that_is(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=rf"process {holder.pid}\) uses {out}.*OUT="):
            with exclusive(out):
                pass
    finally:
        holder.kill()
        holder.communicate()
    with exclusive(out):
        assert (out / "run.lock").read_text() == f"{os.getpid()}\n"


def test_a_run_that_waits_goes_on_when_the_other_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER.replace("60", "2"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with exclusive(tmp_path, wait=True):
        assert holder.poll() is not None or holder.wait(10) == 0
        assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"
    line = f"Another run (process {holder.pid}) uses {tmp_path}: waiting for its end.\n"
    assert capsys.readouterr().out == line


def test_other_folders_are_free(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a"), exclusive(tmp_path / "b"):
        pass
