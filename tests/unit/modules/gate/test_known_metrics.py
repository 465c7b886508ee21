from __future__ import annotations

from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.gate.known_metrics import known_names, slice_bounds, unknown_metrics

RECALL = "honest/all/recall@20"
BOUNDS = slice_bounds(EvaluationOptions(), ModelGateOptions())


def test_thresholds_may_name_every_metric_and_slice() -> None:
    names = known_names(BOUNDS)
    assert {RECALL, "known/last/ndcg@100", "honest/all/n", f"{RECALL}/item_age=new"} <= names
    assert f"{RECALL}/item_age=1" not in names
    assert "honest/last/recall@20/item_age=new" not in names


def test_every_unknown_metric_is_named_with_the_nearest_known_one() -> None:
    options = ModelGateOptions(
        thresholds={"honest/all/mrr@21": 0.1, RECALL: 0.1}, beat_metrics=("nonsense",)
    )
    assert unknown_metrics(EvaluationOptions(), ModelGateOptions()) == []
    first, second = unknown_metrics(EvaluationOptions(), options)
    assert first.startswith("thresholds.honest/all/mrr@21 is not a known metric, got 0.1: did you")
    assert second == (
        "beat_metrics must be known metrics, got nonsense: a metric is named like "
        "known/all/recall@20"
    )


def test_bounds_that_do_not_rise_hide_no_unknown_metric() -> None:
    options = ModelGateOptions(item_age_buckets=(2, 1), beat_metrics=("nonsense", RECALL))
    assert len(unknown_metrics(EvaluationOptions(), options)) == 1
