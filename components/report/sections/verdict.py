"""The gate's decision and all its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report.run_parts import RunParts, Section
from modules.gate.verdict_table import is_quiet


def _add_parts(run: RunParts) -> None:
    run.add("gate_checks", _checks, run.verdict)


def _checks(verdict: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the checks, and apart those that nobody needs to see."""
    found: dict[str, list[Any]] = {"shown": [], "quiet": []}
    for row in verdict["rows"]:
        found["quiet" if is_quiet(row) else "shown"].append(row)
    return found


SECTION = Section("verdict", "Verdict", _add_parts)
