"""The verdict as people read it."""

from __future__ import annotations

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
)
from modules.gate import verdict
from modules.gate.verdict_table import format_verdict
from tests.rank_tables import BOUNDS, RECALL, make_table


def test_the_table_shows_failures_of_slices_and_counts_the_others() -> None:
    rows = {CANDIDATE: [[50, 1]] * 80 + [[1, 1]] * 20, LAST_BLESSED: [[1, 1]] * 100}
    comparison = verdict.Comparison(make_table(**rows), ModelGateOptions(beat_baselines=()), BOUNDS)
    checks = list(comparison.checks())
    content = verdict.content(comparison, checks, ModelGateOptions())
    lines = format_verdict(content).splitlines()
    assert lines[0].split()[:2] == ["metric", "candidate"]
    (line,) = [line for line in lines if "context_length=0..1" in line]
    assert line.split()[0] == f"{RECALL}/context_length=0..1"
    assert line.endswith("failed") and "0.2000" in line and ">= last blessed -0.05" in line
    assert any(line.endswith("slices against the last blessed model: passed") for line in lines)
    assert not any("context_length=2 " in line for line in lines)
