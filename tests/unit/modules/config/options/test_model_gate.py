"""Options of the gate."""

from __future__ import annotations

from modules.config.options.model_gate import ModelGateOptions

RECALL = "honest/all/recall@20"


def test_options_that_cannot_be_used() -> None:
    assert ModelGateOptions().problems() == []
    bad = ModelGateOptions(
        change_thresholds={RECALL: 0.01}, item_age_buckets=(3, 1), confidence=1.0, resamples=5
    )
    problems = "\n".join(bad.problems())
    for part in ("change_thresholds", "item_age_buckets must rise", "confidence", "resamples"):
        assert part in problems
