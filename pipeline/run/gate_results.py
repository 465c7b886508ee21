"""Results of the gates of data, model, serving and index, for the summary."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.check_record import WARNING, refusals
from modules.gate.metric_checks import CHANGE, FILE_NAME, SLICE_CHANGE, VALUE
from modules.gate.report_files import DATA_REPORT, INDEX_VERDICT, SERVING_REPORT
from pipeline.run.mlmd import RunRecord

_DATA_GATE, _MODEL_GATE = "DataGate", "ModelGate"
_SERVING_VALIDATOR, _INDEX_BUILDER = "ServingValidator", "IndexBuilder"
_NOT_EVALUATED = {
    "blessed": False,
    "reasons": ["no node evaluated the model"],
    "gates": [],
    "gate": None,
    "baselines": {},
    "beyond_accuracy": {},
    "last_blessed_metrics": {},
}
# Keys of summary.json's `gates`, the thresholds of metrics and of changes.
_GATE_KEYS = ("metric", "kind", "threshold", "value", "n", "passed")
# Keys of its `gate`, as in verdict.json.
_VERDICT_KEYS = ("rows", "judged", "candidate", "last_blessed", "headlines", "slices", "reach")
# Keys of its `data_checks`.
_DATA_KEYS = ("name", "split", "value", "limit", "verdict")
_GATE_KINDS = (VALUE, CHANGE, SLICE_CHANGE)


def _read(run: RunRecord, node: str, output: str, name: str) -> dict[str, Any] | None:
    """Returns the JSON file that a node wrote, None if it did not run or did not pass."""
    record = run.nodes.get(node)
    artifact = record.outputs.get(output) if record else None
    file = Path(artifact.uri, name) if artifact else None
    if file is None or not file.exists():
        return None
    return dict(json.loads(file.read_text("utf-8")))


def data_checks(run: RunRecord) -> list[dict[str, Any]]:
    """Returns the data gate's checks; none if it did not pass. What is not finite becomes None."""
    report = _read(run, _DATA_GATE, "report", DATA_REPORT) or {"checks": []}
    return [{key: _finite(check[key]) for key in _DATA_KEYS} for check in report["checks"]]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def data_warnings(run: RunRecord) -> list[str]:
    """Returns a sentence for each warning of the data gate; none if it did not pass."""
    report = _read(run, _DATA_GATE, "report", DATA_REPORT) or {"checks": []}
    return [
        f"split {check['split']}: {check['reason']} [checks.{check['name']}]"
        for check in report["checks"]
        if check["verdict"] == WARNING
    ]


def read_verdict(run: RunRecord) -> dict[str, Any] | None:
    """Returns the content of the model gate's `verdict.json`, None if it did not run."""
    return _read(run, _MODEL_GATE, "verdict", FILE_NAME)


def model_verdict(run: RunRecord) -> dict[str, Any]:
    """Returns the summary's keys about blessing and comparisons."""
    verdict = read_verdict(run)
    if verdict is None:
        return dict(_NOT_EVALUATED)
    metrics = verdict["metrics"]
    rows = [row for row in verdict["rows"] if row["kind"] in _GATE_KINDS]
    return {
        "blessed": verdict["blessed"],
        "reasons": verdict["reasons"],
        "gates": [{key: row[key] for key in _GATE_KEYS} for row in rows],
        "gate": {key: verdict[key] for key in _VERDICT_KEYS},
        "baselines": {
            name: values
            for name, values in metrics.items()
            if name not in (CANDIDATE, LAST_BLESSED)
        },
        "beyond_accuracy": verdict.get("beyond_accuracy", {}),
        "last_blessed_metrics": metrics.get(LAST_BLESSED, {}),
    }


def serving_check(run: RunRecord) -> dict[str, Any] | None:
    """Returns whether the check passed, reasons if not, and measurements; None if none ran."""
    return _result(_read(run, _SERVING_VALIDATOR, "report", SERVING_REPORT))


def index_check(run: RunRecord) -> dict[str, Any] | None:
    """Returns the same of the approximate index; None if none is built."""
    return _result(_read(run, _INDEX_BUILDER, "index_verdict", INDEX_VERDICT))


def _result(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if report is None:
        return None
    reasons = refusals(report["checks"])
    return {"passed": not reasons, "reasons": reasons, "figures": report["figures"]}


def forget_failed_check(run: RunRecord) -> None:
    """Makes the next run check again: a busy moment of this machine must not block a model.

    TFX's cache reuses outputs only while their folders exist.
    """
    check = serving_check(run)
    if check and not check["passed"]:
        blessing = run.nodes[_SERVING_VALIDATOR].outputs["blessing"].uri
        shutil.rmtree(blessing, ignore_errors=True)
