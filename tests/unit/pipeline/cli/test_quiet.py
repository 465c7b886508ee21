"""What libraries print while they load stays from the user's sight, and errors do not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.cli.quiet import quiet_for_now

PROJECT = Path(__file__).resolve().parents[4]


def test_quiet_for_now_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "TF_CPP_MIN_LOG_LEVEL"
    for level in (None, "1"):
        monkeypatch.delenv(name, raising=False)
        if level:
            monkeypatch.setenv(name, level)
        with quiet_for_now():
            assert os.environ[name] == (level or "3")
        assert os.environ.get(name) == level


def _stderr_of(code: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.stderr


def test_tensorflow_loads_without_a_word() -> None:
    """Release 2.21 writes to stderr before any setting could prevent it."""
    code = "from pipeline.cli.quiet import load_tensorflow; load_tensorflow()"
    assert _stderr_of(code) == ""


def test_what_was_held_back_is_shown_with_an_error() -> None:
    shown = _stderr_of(
        """
        import os
        from pipeline.cli.quiet import held_back_stderr
        with held_back_stderr():
            os.write(2, b"unimportant")
        with held_back_stderr():
            os.write(2, b"the cause")
            raise ValueError("the error")
        """
    )
    assert "the cause" in shown and "the error" in shown and "unimportant" not in shown
