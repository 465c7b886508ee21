"""The model card."""

from __future__ import annotations

import numpy as np
import pytest

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.beyond_accuracy import RecommendationStats
from modules.evaluation.item_history import item_history
from modules.evaluation.rank_table import (
    CANDIDATE,
    empty_table,
)
from modules.gate import verdict
from modules.gate.model_card import model_card
from tests.rank_tables import BOUNDS, ids, make_table

DAY = 86_400_000


@pytest.mark.parametrize("rows", [[[1, 30], [2]], []])
def test_the_model_card_tells_use_data_metrics_and_limits(rows: list[list[int]]) -> None:
    table = make_table(candidate=rows) if rows else empty_table([CANDIDATE])
    history = item_history([(ids("a", "b"), np.array([DAY, 3 * DAY]))])
    comparison = verdict.Comparison(table, ModelGateOptions(beat_baselines=()), BOUNDS)
    card = model_card(
        verdict.content(
            comparison,
            list(comparison.checks()),
            ModelGateOptions(),
            split="test",
            judged=verdict.evaluated(table, np.zeros(0, np.int64)),
            candidate={"id": 7, "uri": "/m"},
            last_blessed={"status": "unusable", "message": "cannot be loaded: OSError"},
            training_data=verdict.training_data(history, ["train"]),
            beyond_accuracy=RecommendationStats(history).metrics(100, 0, 0.95, 1_000),
        )
    )
    for heading in ("## Intended use", "## Data", "## Metrics", "## Limits"):
        assert heading in card
    assert "2 events of 2 items (1970-01-02 to 1970-01-04; split train)" in card
    assert "cannot be loaded: OSError" in card
    if rows:
        assert "**blessed**" in card
        assert "Evaluated on 3 steps of 2 sessions (split test), 1 of them (33%) towards" in card
        assert "| honest/all/recall@20 | 0.6667 [0.5000, 1" in card
    else:
        assert "**not blessed**" in card and "honest/all/n: 0 is below the threshold 1" in card
