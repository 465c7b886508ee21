"""Results of the gates as parts of the summary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.data_gate.checks import DataCheck
from modules.gate.check_record import FAILED, PASSED, SKIPPED, WARNING, Check
from modules.gate.metric_checks import BASELINE, CHANGE, VALUE, MetricCheck
from pipeline.run.gate_results import (
    data_warnings,
    forget_failed_check,
    index_check,
    model_verdict,
    serving_check,
)
from pipeline.run.mlmd import NodeRecord, OutputArtifact, RunRecord


def _run(node: str, **outputs: Path) -> RunRecord:
    artifacts = {name: OutputArtifact(1, str(uri), {}) for name, uri in outputs.items()}
    return RunRecord("run", {node: NodeRecord("COMPLETE", False, artifacts)})


def test_warnings_come_from_the_report_of_the_data_gate(tmp_path: Path) -> None:
    content = [
        DataCheck("max_time_gap", verdict, "late: why", "test", "sessions", 3.0, None).as_json()
        for verdict in (PASSED, WARNING, SKIPPED)
    ]
    (tmp_path / "report.json").write_text(json.dumps({"checks": content}))
    warnings = data_warnings(_run("DataGate", report=tmp_path))
    assert warnings == ["split test: late: why [checks.max_time_gap]"]
    assert data_warnings(_run("DataGate", report=tmp_path / "gone")) == []
    assert data_warnings(RunRecord("run", {})) == []


def test_the_verdict_of_the_gate_becomes_part_of_the_summary(tmp_path: Path) -> None:
    verdict = {
        "blessed": False,
        "reasons": ["worse"],
        "rows": [
            MetricCheck("a", PASSED, "a is fine", kind, 0.1, 0.2, n=3).as_json()
            for kind in (VALUE, BASELINE, CHANGE)
        ],
        "metrics": {"candidate": {"a": 1}, "last_blessed": {"a": 2}, "stan": {"a": 3}},
        "judged": {"sessions": 2, "steps": 3},
        "candidate": {"id": 1, "uri": "/m"},
        "last_blessed": {"status": "compared"},
        "headlines": {},
        "slices": {},
        "reach": {"lost": 3},
        "beyond_accuracy": {"prefixes": 0},
    }
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    part = model_verdict(_run("ModelGate", verdict=tmp_path))
    assert (part["blessed"], part["reasons"]) == (False, ["worse"])
    assert part["last_blessed_metrics"] == {"a": 2}
    assert part["baselines"] == {"stan": {"a": 3}}
    assert part["gate"]["rows"] == verdict["rows"]
    assert part["gate"]["reach"] == {"lost": 3}
    assert [gate["kind"] for gate in part["gates"]] == ["value", "change"]
    assert set(part["gates"][0]) == {"metric", "kind", "threshold", "value", "n", "passed"}
    none = model_verdict(RunRecord("run", {}))
    assert set(none) == set(part)
    assert (none["blessed"], none["reasons"]) == (False, ["no node evaluated the model"])


@pytest.mark.parametrize(
    ("result", "node", "output", "name"),
    [
        (serving_check, "ServingValidator", "report", "report.json"),
        (index_check, "IndexBuilder", "index_verdict", "verdict.json"),
    ],
)
def test_failed_checks_of_a_served_model_are_its_reasons(
    tmp_path: Path, result: Callable[[RunRecord], Any], node: str, output: str, name: str
) -> None:
    run = _run(node, **{output: tmp_path})
    assert result(run) is None
    checks = [Check("loads", PASSED, "it does"), Check("form", FAILED, "3 answers, empty")]
    for count, reasons in ((1, []), (2, ["form: 3 answers, empty"])):
        found = [check.as_json() for check in checks[:count]]
        (tmp_path / name).write_text(json.dumps({"checks": found, "figures": {"sessions": 3}}))
        expected = {"passed": not reasons, "reasons": reasons, "figures": {"sessions": 3}}
        assert result(run) == expected


def test_a_failed_serving_check_is_made_again(tmp_path: Path) -> None:
    blessing = tmp_path / "blessing"
    blessing.mkdir()
    run = _run("ServingValidator", report=tmp_path, blessing=blessing)
    for verdict, is_kept in ((PASSED, True), (FAILED, False)):
        checks = [Check("form", verdict, "3 answers").as_json()]
        (tmp_path / "report.json").write_text(json.dumps({"checks": checks, "figures": {}}))
        forget_failed_check(run)
        assert blessing.exists() == is_kept
    forget_failed_check(run)
    forget_failed_check(RunRecord("run", {}))
