"""Options that relax checks of the gate."""

from __future__ import annotations

import pytest

from modules.config.fields import declared
from modules.config.options.model_gate import ModelGateOptions
from modules.gate.metric_checks import (
    AGREEMENT,
    BASELINE,
    CHANGE,
    LIMIT,
    MODEL,
    SLICE_CHANGE,
    VALUE,
)
from modules.gate.relaxing_options import relaxing_option

METRIC = "honest/all/recall@20"


@pytest.mark.parametrize(
    ("metric", "kind", "option"),
    [
        (METRIC, VALUE, "thresholds"),
        (METRIC, BASELINE, "beat_baselines"),
        (METRIC, CHANGE, "change_thresholds"),
        (f"{METRIC}/context_length=1", SLICE_CHANGE, "slice_change_threshold"),
        ("coverage@20", LIMIT, "min_coverage"),
        ("popularity_ratio@20", LIMIT, "max_popularity_ratio"),
        ("last_blessed", MODEL, "require_last_blessed"),
    ],
)
def test_a_check_by_an_option_names_it(metric: str, kind: str, option: str) -> None:
    assert relaxing_option({"metric": metric, "kind": kind}) == f"gate.{option}"
    assert declared(ModelGateOptions, option).sentence


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("honest/all/n", VALUE),
        ("finite scores", MODEL),
        ("candidate", MODEL),
        ("steps = baselines", AGREEMENT),
    ],
)
def test_no_option_relaxes_what_must_hold(metric: str, kind: str) -> None:
    assert relaxing_option({"metric": metric, "kind": kind}) == ""
