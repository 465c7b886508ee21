"""Names of metrics, and their parts.

* `{honest|known}/{all|last}/{recall|mrr|ndcg}@{K}`, and `{honest|known}/{all|last}/n`, the number
  of steps behind them;
* over all steps of a slice (`modules/evaluation/slice_names.py`): the same with `/{slice}`.

`modules/evaluation/metrics.py` explains views, steps and metrics.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from modules.evaluation.slice_names import Bounds, slice_names

VIEWS = ("honest", "known")
STEPS = ("all", "last")
METRICS = ("recall", "mrr", "ndcg")
K_VALUES = (1, 5, 10, 20, 100)
HEADLINE_METRICS = ("recall@20", "mrr@20")
"""The metrics that gate, report, model card and summary show of every model and slice."""


def metric_name(view: str, steps: str, metric: str, k: int) -> str:
    """Returns the full name of a metric.

    Raises:
      ValueError: a part of the name is not one of `VIEWS`, `STEPS`, `METRICS`, `K_VALUES`.

    >>> metric_name("known", "all", "recall", 20)
    'known/all/recall@20'
    """
    parts = {"view": (view, VIEWS), "steps": (steps, STEPS), "metric": (metric, METRICS)}
    for part, (value, choices) in parts.items():
        if value not in choices:
            raise ValueError(f"{part} must be one of {', '.join(choices)}, got {value!r}")
    if k not in K_VALUES:
        raise ValueError(f"k must be one of {K_VALUES}, got {k!r}")
    return f"{view}/{steps}/{metric}@{k}"


def count_name(view: str, steps: str) -> str:
    """Returns the name of the number of steps behind the metrics of a view.

    >>> count_name("known", "last")
    'known/last/n'
    """
    return f"{view}/{steps}/n"


def overall_names() -> list[str]:
    """Returns the names of all metrics over all sessions in a fixed order, then of the counts.

    >>> names = overall_names()
    >>> len(names), names[0], names[59], names[-1]
    (64, 'honest/all/recall@1', 'known/last/ndcg@100', 'known/last/n')
    """
    pairs = list(itertools.product(VIEWS, STEPS))
    cut_offs = list(itertools.product(METRICS, K_VALUES))
    names = [metric_name(*pair, *cut_off) for pair in pairs for cut_off in cut_offs]
    return [*names, *(count_name(*pair) for pair in pairs)]


def evaluator_names(bounds: Bounds) -> list[str]:
    """Returns the names of all that the Evaluator reports: overall, then of the step slices.

    >>> evaluator_names({"target_count": (0,)})[64:66]
    ['honest/all/recall@20/target_count=0', 'honest/all/mrr@20/target_count=0']
    """
    sliced = [
        f"{view}/all/{metric}/{name}"
        for name in slice_names(bounds)
        for view in VIEWS
        for metric in (*HEADLINE_METRICS, "n")
    ]
    return [*overall_names(), *sliced]


def headline_names(views: Sequence[str] = VIEWS, steps: Sequence[str] = STEPS) -> tuple[str, ...]:
    """Returns the names of the headline metrics of some views and steps.

    >>> headline_names(["known"], ["all"])
    ('known/all/recall@20', 'known/all/mrr@20')
    """
    return tuple(
        f"{view}/{step}/{metric}" for view in views for step in steps for metric in HEADLINE_METRICS
    )


@dataclasses.dataclass(frozen=True)
class MetricName:
    """The parts of a metric's full name.

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
        """Parses `honest/all/recall@20` or `honest/all/recall@20/context_length=1`.

        >>> MetricName.parse("known/all/mrr@5/target_count=0").slice_name
        'target_count=0'
        """
        view, steps, metric, *rest = name.split("/", 3)
        kind, _, k = metric.partition("@")
        return cls(view, steps, kind, int(k or 0), rest[0] if rest else "")
