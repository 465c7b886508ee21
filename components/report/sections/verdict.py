"""The gate's decision and all its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report.run_parts import RunParts
from modules.gate.verdict_table import is_quiet


def add_parts(run: RunParts) -> None:
    """Adds the checks of the gate."""
    run.add("gate_checks", _checks, run.verdict)


def _checks(verdict: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the checks to show, and apart those of slices that passed."""
    found: dict[str, list[Any]] = {"shown": [], "quiet": []}
    for row in verdict["rows"]:
        found["quiet" if is_quiet(row) else "shown"].append(row)
    return found
