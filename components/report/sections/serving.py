"""What ServingValidator checked."""

from __future__ import annotations

from components.report.run_parts import RunParts, Section, read_json
from modules.gate.report_files import SERVING_REPORT


def _add_parts(run: RunParts) -> None:
    run.add("serving", read_json, run.path("serving_report", SERVING_REPORT))


SECTION = Section("serving", "Serving", _add_parts)
