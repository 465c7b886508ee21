"""The columns of a history: their names and types, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.evaluation.metric_names import STEPS, VIEWS, count_name, headline_names
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.sessions.splits import SPLITS

BASELINE = "baseline"
MODELS = (CANDIDATE, BASELINE, LAST_BLESSED)
METRICS = headline_names()
COUNTS = tuple(count_name(view, steps) for view in VIEWS for steps in STEPS)
DRIFT = ("item_drift", "item_divergence", "session_count_change", "session_length_change")
"""What the data gate measures between two runs' data; `checks.max_*` limit it."""

TEXT, TEXTS, WHOLE, NUMBER = "text", "texts", "whole", "number"


def metric_column(model: str, metric: str, end: str = "") -> str:
    """Returns the name of a metric's column.

    Args:
      model: one of `MODELS`.
      metric: one of `METRICS`.
      end: "low" or "high" for an end of the interval.

    >>> metric_column("candidate", "honest/all/mrr@20", "low")
    'candidate.honest/all/mrr@20.low'
    """
    return ".".join(part for part in (model, metric, end) if part)


COLUMNS: Mapping[str, str] = {
    "day": TEXT,
    "run": WHOLE,
    "verdict": TEXT,
    "reasons": TEXTS,
    "started": TEXT,
    "run_id": TEXT,
    "pipeline": TEXT,
    "pushed_version": TEXT,
    "not_pushed": TEXT,
    "base_version": TEXT,
    "served_version": TEXT,
    "served_day": TEXT,
    BASELINE: TEXT,
    **{
        metric_column(model, metric, end): NUMBER
        for metric in METRICS
        for model in MODELS
        for end in ("", "low", "high")
    },
    **dict.fromkeys(COUNTS, WHOLE),
    "oov_share": NUMBER,
    **{
        f"{name}.{split}": WHOLE
        for name in ("rows", "rejects", "sessions", "items")
        for split in SPLITS
    },
    "catalogue_items": WHOLE,
    "offered_items": WHOLE,
    **dict.fromkeys(DRIFT, NUMBER),
    "warnings": TEXTS,
    "seconds": NUMBER,
    "cpu_seconds": NUMBER,
    "disk_bytes": WHOLE,
    "report": TEXT,
    "folder": TEXT,
}
"""Type by name; `docs/summary.md` explains each."""

Row = dict[str, Any]
"""A value by column; None, or an empty list, where there is none."""


def full_row(values: Mapping[str, Any]) -> Row:
    """Returns a row with all columns in order, the missing ones empty.

    Raises:
      KeyError: a name is not one of a column.
    """
    if unknown := values.keys() - COLUMNS.keys():
        raise KeyError(f"no columns: {sorted(unknown)}")
    return {
        name: list(values.get(name) or ()) if kind == TEXTS else values.get(name)
        for name, kind in COLUMNS.items()
    }
