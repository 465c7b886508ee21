"""The options of section `gate` that relax its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.evaluation.beyond_accuracy import COVERAGE, POPULARITY_RATIO
from modules.evaluation.rank_table import LAST_BLESSED
from modules.gate.metric_checks import BASELINE, CHANGE, SLICE_CHANGE, STEPS_EVALUATED, VALUE

_BY_NAME = {
    COVERAGE: "min_coverage",
    POPULARITY_RATIO: "max_popularity_ratio",
    LAST_BLESSED: "require_last_blessed",
    STEPS_EVALUATED: "",
}
_BY_KIND = {
    VALUE: "thresholds",
    BASELINE: "beat_baselines",
    CHANGE: "change_thresholds",
    SLICE_CHANGE: "slice_change_threshold",
}


def relaxing_option(row: Mapping[str, Any]) -> str:
    """Returns the option that relaxes a check, "" if none does.

    Args:
      row: row of `verdict.json`.

    >>> relaxing_option({"metric": "honest/all/mrr@20", "kind": "baseline"})
    'gate.beat_baselines'
    """
    name = _BY_NAME.get(row["metric"], _BY_KIND.get(row["kind"], ""))
    return name and f"gate.{name}"
