"""Metrics and slices that the gate's options may name; cheap to import for the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.metric_names import overall_names
from modules.evaluation.slice_names import ITEM_AGE, SESSION_LENGTH_BOUNDS, Bounds, slice_names
from modules.messages.quoting import shorten

_EXAMPLE = "known/all/recall@20"


def slice_bounds(evaluation: EvaluationOptions, options: ModelGateOptions) -> Bounds:
    """Returns the upper bounds of the step slices by feature."""
    return {
        "context_length": tuple(evaluation.context_length_buckets),
        "target_count": tuple(evaluation.target_count_buckets),
        ITEM_AGE: tuple(options.item_age_buckets),
        "session_length": SESSION_LENGTH_BOUNDS,
    }


def known_names(bounds: Bounds) -> set[str]:
    """Returns every metric that a threshold may name; slices are over all steps."""
    overall = set(overall_names())
    sliced = {
        f"{name}/{slice_name}"
        for name in overall
        for slice_name in slice_names(bounds)
        if "/all/" in name
    }
    return overall | sliced


def unknown_metrics(evaluation: EvaluationOptions, options: ModelGateOptions) -> list[str]:
    """Returns a line per unknown metric in the options.

    >>> unknown_metrics(EvaluationOptions(), ModelGateOptions(thresholds={"honest/all/mrr@2": 0.1}))
    ['thresholds.honest/all/mrr@2 is not a known metric, got 0.1: did you mean honest/all/mrr@20?']
    """
    try:
        known = known_names(slice_bounds(evaluation, options))
    except ValueError:  # The section of the bounds reports the error; the defaults replace them.
        known = known_names(slice_bounds(EvaluationOptions(), ModelGateOptions()))
    problems = []
    for mistake, name in _named_metrics(options):
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
            fix = f"did you mean {close[0]}?" if close else f"a metric is named like {_EXAMPLE}"
            problems.append(f"{mistake}: {fix}")
    return problems


def _named_metrics(options: ModelGateOptions) -> Iterator[tuple[str, str]]:
    """Yields (the mistake, if it is one, metric) for every metric that the options name."""
    for field in ("thresholds", "change_thresholds"):
        for name, value in getattr(options, field).items():
            yield f"{field}.{shorten(name)} is not a known metric, got {value}", name
    for field in ("beat_metrics", "slice_change_metrics"):
        for name in getattr(options, field):
            yield f"{field} must be known metrics, got {shorten(name)}", name
