"""What the data gate warned of, as the summary tells it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio

from components.data_gate.checks import WARNING
from modules.gate.report_files import DATA_REPORT
from pipeline.run.mlmd import RunRecord

_GATE = "DataGate"


def data_warnings(run: RunRecord) -> list[str]:
    """Returns a sentence for each warning of the data gate; none where it did not pass."""
    node = run.nodes.get(_GATE)
    report = node.outputs.get("report") if node else None
    path = os.path.join(report.uri, DATA_REPORT) if report else ""
    if not (path and fileio.exists(path)):
        return []
    with fileio.open(path, "r") as file:
        return read_warnings(json.loads(file.read()))


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
