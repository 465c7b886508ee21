"""The gate's decision and all its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report.run_parts import RunParts
from modules.gate.check_record import SKIPPED
from modules.gate.verdict_table import is_quiet, reach_in_words


def add_parts(run: RunParts) -> None:
    """Adds the checks of the gate."""
    run.add("gate_checks", _checks, run.verdict)


def _checks(verdict: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the checks to show; apart those of slices that passed or were skipped; and reach."""
    rows = verdict["rows"]
    quiet = [row for row in rows if is_quiet(row)]
    return {
        "shown": [row for row in rows if not is_quiet(row)],
        "quiet": [row for row in quiet if row["verdict"] != SKIPPED],
        "skipped": [row for row in quiet if row["verdict"] == SKIPPED],
        "reach": reach_in_words(verdict),
    }
