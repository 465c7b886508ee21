"""Names of metrics and of the slices that the gate compares."""

from __future__ import annotations

import dataclasses

from modules.evaluation.slices import Bounds, bucket_names

NEW_ITEM = "item_age=new"


def slice_names(bounds: Bounds) -> list[str]:
    """Returns the names of all step slices, new items last.

    >>> slice_names({"item_age": (1, 7)})
    ['item_age=0..1', 'item_age=2..7', 'item_age=8..', 'item_age=new']
    """
    names = [name for feature in bounds for name in bucket_names(feature, bounds[feature])]
    return [*names, NEW_ITEM]


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
