"""What the data gate warned of, as the summary tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.data_gate.checks import WARNING
from components.data_gate.executor import REPORT_NAME
from pipeline.run_record import RunRecord

_GATE = "DataGate"


def data_warnings(run: RunRecord) -> list[str]:
    """Returns a sentence for each warning of the data gate; none where it did not pass."""
    node = run.nodes.get(_GATE)
    report = node.outputs.get("report") if node else None
    file = Path(report.uri) / REPORT_NAME if report else None
    if file is None or not file.is_file():
        return []
    return read_warnings(json.loads(file.read_text("utf-8")))


def read_warnings(report: Mapping[str, Any]) -> list[str]:
    """Returns the warnings of the data gate's report.

    >>> check = {"split": "test", "verdict": "warning", "explanation": "1 of 2", "option": "x"}
    >>> read_warnings({"checks": [check, {**check, "verdict": "ok"}]})
    ['split test: 1 of 2 [checks.x]']
    """
    return [
        f"split {check['split']}: {check['explanation']} [checks.{check['option']}]"
        for check in report["checks"]
        if check["verdict"] == WARNING
    ]
