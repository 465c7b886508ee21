"""The gate's checks as a section."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.types.experimental import simple_artifacts

from components.report.run_parts import RunParts
from components.report.sections import verdict
from modules.gate.check_record import FAILED, PASSED, SKIPPED
from modules.gate.metric_checks import CHANGE, FILE_NAME, SLICE_CHANGE

RECALL = "honest/all/recall@20"


def _checks(folder: Path, *rows: dict[str, Any]) -> Any:
    artifact = simple_artifacts.Metrics()
    artifact.uri = str(folder)
    (folder / FILE_NAME).write_text(json.dumps({"rows": rows}), "utf-8")
    run = RunParts({"verdict": artifact}, {}, "")
    verdict.add_parts(run)
    return run.parts["gate_checks"]


def _row(metric: str, outcome: str) -> dict[str, Any]:
    kind = SLICE_CHANGE if "=" in metric else CHANGE
    return {"metric": metric, "kind": kind, "verdict": outcome, "passed": outcome != FAILED}


def test_slices_that_passed_or_were_skipped_are_folded_away(tmp_path: Path) -> None:
    whole = _row(RECALL, PASSED)
    passed, failed, skipped = (
        _row(f"{RECALL}/target_count={number}", outcome)
        for number, outcome in enumerate((PASSED, FAILED, SKIPPED))
    )
    found = _checks(tmp_path, passed, whole, failed, skipped)
    assert (found["shown"], found["quiet"]) == ([whole, failed], [passed])
    assert found["skipped"] == [skipped]
