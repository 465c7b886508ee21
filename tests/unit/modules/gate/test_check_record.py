"""Checks in the form that every node writes."""

from __future__ import annotations

import json

import pytest

from components.data_gate.checks import DataCheck
from modules.gate.check_record import FAILED, PASSED, SKIPPED, WARNING, Check, outcome, refusals
from modules.gate.metric_checks import MetricCheck

CHECKS = (
    Check("form", PASSED, "3 answers"),
    DataCheck("max_time_gap", WARNING, "late", "test", "sessions", 2.0, None),
    MetricCheck("honest/all/recall@20", FAILED, "is below", "value", interval=(0.1, 0.2)),
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
def test_every_check_is_written_with_the_same_keys(check: Check) -> None:
    found = json.loads(json.dumps(check.as_json()))
    name = "metric" if isinstance(check, MetricCheck) else "name"
    assert (found[name], found["verdict"]) == (check.name, check.verdict)
    assert (found["reason"], found["passed"]) == (check.reason, check.passed)


@pytest.mark.parametrize(
    ("verdict", "passed"), [(PASSED, True), (WARNING, True), (SKIPPED, True), (FAILED, False)]
)
def test_only_a_failed_check_stops_anything(verdict: str, passed: bool) -> None:
    check = Check("form", verdict, "3 answers")
    assert check.passed == passed
    assert refusals([check.as_json()]) == ([] if passed else ["form: 3 answers"])
    assert outcome(passed) == (PASSED if passed else FAILED)
