"""Programs in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def run_program(program: str) -> str:
    """Runs Python code in the checkout; returns what it prints, and expects success."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
