"""Whole runs of a preset, whose results the benchmarks tabulate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import child_process  # noqa: E402

COLUMNS = ("known/all/recall@20", "known/all/mrr@20", "known/last/recall@20", "known/last/mrr@20")
Summary = dict[str, Any]


def run_preset(preset: str, data: Path, seed: int, overrides: Sequence[str], out: Path) -> Summary:
    """Runs the pipeline and returns its summary; what it prints goes to stderr.

    Raises:
      CalledProcessError: the run failed; its output was shown.
    """
    values = " ".join([f"trainer.seed={seed}", *overrides])
    command = [sys.executable, "-m", "pipeline.cli", "run", "--preset", preset, "--data", str(data)]
    command += ["--set", values, "--out", str(out)]
    with child_process(command, stdout=sys.stderr, cwd=PROJECT) as process:
        status = process.wait()
    if status:
        raise subprocess.CalledProcessError(status, command)
    summary: Summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return summary
