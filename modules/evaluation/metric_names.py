"""Names of metrics and slices that the gate knows; light, for the configuration reads them too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from modules.config.evaluation import EvaluationOptions
from modules.config.gate import GateOptions
from modules.evaluation.metrics import STEPS, VIEWS, all_metric_names, count_name
from modules.evaluation.slices import SESSION_LENGTH_BOUNDS, bucket_names
from modules.messages.quoting import shorten

NEW_ITEM = "item_age=new"

Bounds = Mapping[str, Sequence[int]]


def slice_bounds(evaluation: EvaluationOptions, options: GateOptions) -> Bounds:
    """Returns the upper bounds of the step slices by feature."""
    return {
        "context_length": tuple(evaluation.context_length_buckets),
        "target_count": tuple(evaluation.target_count_buckets),
        "item_age": tuple(options.item_age_buckets),
        "session_length": SESSION_LENGTH_BOUNDS,
    }


def slice_names(bounds: Bounds) -> list[str]:
    """Returns the names of all step slices, new items last.

    >>> slice_names({"item_age": (1, 7)})
    ['item_age=0..1', 'item_age=2..7', 'item_age=8..', 'item_age=new']
    """
    names = [name for feature in bounds for name in bucket_names(feature, bounds[feature])]
    return [*names, NEW_ITEM]


@dataclasses.dataclass(frozen=True)
class MetricName:
    """Parts of a metric's name.

    Attributes:
      view: `honest` or `known`.
      steps: `all` or `last`.
      metric: `recall`, `mrr`, `ndcg`, or `n`, the number of steps.
      k: cut-off; 0 for `n`.
      slice_name: such as `context_length=1`; empty for the whole.
    """

    view: str
    steps: str
    metric: str
    k: int
    slice_name: str

    @classmethod
    def parse(cls, name: str) -> MetricName:
        """Reads `honest/all/recall@20` or `honest/all/recall@20/context_length=1`.

        >>> MetricName.parse("known/all/mrr@5/target_count=0").slice_name
        'target_count=0'
        """
        view, steps, metric, *rest = name.split("/", 3)
        kind, _, k = metric.partition("@")
        return cls(view, steps, kind, int(k or 0), rest[0] if rest else "")


def known_names(bounds: Bounds) -> set[str]:
    """Returns every name that a threshold may have; slices are of all steps."""
    overall = {*all_metric_names(), *(count_name(view, steps) for view in VIEWS for steps in STEPS)}
    sliced = {
        f"{name}/{slice_name}"
        for name in overall
        for slice_name in slice_names(bounds)
        if "/all/" in name
    }
    return overall | sliced


def named_metrics(options: GateOptions) -> list[tuple[str, str]]:
    """Returns (what the option says, metric) for every metric that the options name.

    >>> named_metrics(GateOptions(thresholds={"honest/all/mrr@20": 0.1}))[0]
    ('thresholds.honest/all/mrr@20 is not a known metric, got 0.1', 'honest/all/mrr@20')
    """
    mappings = {"thresholds": options.thresholds, "change_thresholds": options.change_thresholds}
    lists = {
        "beat_metrics": options.beat_metrics,
        "slice_change_metrics": options.slice_change_metrics,
    }
    return [
        *(
            (f"{field}.{shorten(name)} is not a known metric, got {value}", name)
            for field, values in mappings.items()
            for name, value in values.items()
        ),
        *(
            (f"{field} must be known metrics, got {shorten(name)}", name)
            for field, names in lists.items()
            for name in names
        ),
    ]
