"""What the serving check found, as the run's summary tells it, and when it is made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from components.serving_validator.executor import BLESSING, REPORT, REPORT_NAME
from pipeline.run_record import RunRecord

_NODE = "ServingValidator"


def serving_check(run: RunRecord) -> dict[str, Any] | None:
    """Returns whether the check passed, reasons if not, and its figures; None where none ran."""
    node = run.nodes.get(_NODE)
    report = node.outputs.get(REPORT) if node else None
    if report is None:
        return None
    content = json.loads((Path(report.uri) / REPORT_NAME).read_text("utf-8"))
    failed = [check for check in content["checks"] if not check["passed"]]
    return {
        "passed": not failed,
        "reasons": [f"{check['name']}: {check['explanation']}" for check in failed],
        "figures": content["figures"],
    }


def forget_failed_check(run: RunRecord) -> None:
    """Makes the next run check again: one busy moment of this machine must not block a model.

    TFX's cache offers outputs only while their folders are there.
    """
    check = serving_check(run)
    if check and not check["passed"]:
        shutil.rmtree(run.nodes[_NODE].outputs[BLESSING].uri, ignore_errors=True)
