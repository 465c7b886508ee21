"""What DataGate checked."""

from __future__ import annotations

from components.report.run_parts import RunParts, Section, read_json
from modules.gate.report_files import DATA_REPORT


def _add_parts(run: RunParts) -> None:
    run.add("anomalies", read_json, run.path("data_report", DATA_REPORT))


SECTION = Section("anomalies", "Data checks", _add_parts)
