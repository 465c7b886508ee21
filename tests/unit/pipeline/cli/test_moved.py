"""Scripts of before name the command that took their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.main import COMMANDS
from pipeline.cli.moved import COMMANDS as MOVED

PROJECT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("script", MOVED)
def test_an_old_script_prints_the_new_command_line_and_does_nothing(
    script: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        # Any Python, without what is installed.
        [sys.executable, "-S", str(PROJECT / script), "--set", "a.b='x y'"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and not done.stdout
    assert MOVED[script] in COMMANDS
    wanted = f"""environment.py run session-retrieval {MOVED[script]} --set 'a.b='"'"'x y'"'"''"""
    assert wanted in done.stderr
    assert not list(tmp_path.iterdir())
