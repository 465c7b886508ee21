"""Tests that CI begins no test for which no time is left."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("seconds", "closing"), [(-1, "1 skipped"), (3600, "1 passed")])
def test_a_test_after_the_time_is_skipped(seconds, closing):
    command = [sys.executable, "-m", "pytest", "-q", f"--start-until={time.time() + seconds}"]
    command.append(f"{Path(__file__)}::test_begins")
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert closing in ended.stdout.splitlines()[-1]
    assert ("--start-until" in ended.stdout) == (closing == "1 skipped")


def test_begins():
    """What the test above begins, or not."""
