"""What the serving check found, as the run's summary tells it, and when it is made again."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx.dsl.io import fileio

from modules.gate.report_files import SERVING_REPORT
from pipeline.run.mlmd import RunRecord

_NODE = "ServingValidator"


def serving_check(run: RunRecord) -> dict[str, Any] | None:
    """Returns whether the check passed, reasons if not, and its figures; None where none ran."""
    node = run.nodes.get(_NODE)
    report = node.outputs.get("report") if node else None
    if report is None:
        return None
    with fileio.open(os.path.join(report.uri, SERVING_REPORT), "r") as file:
        content = json.loads(file.read())
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
    blessing = run.nodes[_NODE].outputs["blessing"].uri if check else ""
    if check and not check["passed"] and fileio.exists(blessing):
        fileio.rmtree(blessing)
