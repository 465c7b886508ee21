"""Options of the gate."""

from __future__ import annotations

from modules.config.gate import GateOptions

RECALL = "honest/all/recall@20"


def test_options_that_cannot_be_used() -> None:
    assert GateOptions().problems() == []
    bad = GateOptions(
        change_thresholds={RECALL: 0.01}, item_age_buckets=(3, 1), confidence=1.0, resamples=5
    )
    problems = "\n".join(bad.problems())
    for part in ("change_thresholds", "item_age_buckets must rise", "confidence", "resamples"):
        assert part in problems
