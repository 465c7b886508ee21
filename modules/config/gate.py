"""Options of the model gate; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from modules.config.options import not_rising, out_of_range
from modules.messages.quoting import shorten


@dataclasses.dataclass(frozen=True)
class GateOptions:
    """What a model must reach to be blessed.

    Metrics are named as everywhere, `honest/all/recall@20`, those of a slice
    `honest/all/recall@20/context_length=1`. Prefer `honest` ones in comparisons: the known view of
    two models differs when their training data differ.

    Attributes:
      thresholds: metric -> lowest value that is blessed.
      beat_baselines: baselines that the model must beat; they must be among those judged.
      beat_metrics: metrics in which it must beat each of them.
      beat_margin: what the lower end of the interval of the difference must exceed.
      change_thresholds: metric -> least difference to the last blessed model (0 or below). Refused
        is a larger loss whose interval lies below 0: one that noise does not explain.
      slice_change_threshold: the same for every metric of `slice_change_metrics` in every slice;
        intervals are wider there, so that all slices together raise a false alarm as rarely as one
        metric does. None does not compare slices.
      slice_change_metrics: metrics, over all steps, that are compared in every slice.
      require_last_blessed: whether a last blessed model that cannot be loaded or asked refuses the
        candidate. By default it is named and left out: with this option every model is refused
        until somebody mends or removes the lost one.
      min_coverage: lowest share of the training data's items that the recommendations, taken
        together, must hold; None for no limit.
      max_popularity_ratio: highest ratio of the mean popularity of recommended items to that of
        targets; None for no limit.
      item_age_buckets: upper bounds of the item age slices, in days since the item's first event
        in the training data.
      confidence: of all intervals, two-sided.
      resamples: of the bootstrap over sessions.
      seed: of the bootstrap.
      max_prefixes: about how many prefixes the model is asked to recommend for, those of a random
        sample of sessions; figures beyond accuracy are theirs.
    """

    thresholds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    beat_baselines: tuple[str, ...] = ("popularity", "sequential_rules")
    beat_metrics: tuple[str, ...] = ("honest/all/recall@20", "honest/all/mrr@20")
    beat_margin: float = 0.0
    change_thresholds: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"honest/all/recall@20": -0.01, "honest/all/mrr@20": -0.01}
    )
    slice_change_threshold: float | None = -0.05
    slice_change_metrics: tuple[str, ...] = ("honest/all/recall@20",)
    require_last_blessed: bool = False
    min_coverage: float | None = None
    max_popularity_ratio: float | None = None
    item_age_buckets: tuple[int, ...] = (1, 3, 7, 14)
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 42
    max_prefixes: int = 10_000

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "beat_margin": (0.0, 1.0),
            "slice_change_threshold": (-1.0, 0.0),
            "min_coverage": (0.0, 1.0),
            "max_popularity_ratio": (0.0, 1e9),
            "confidence": (0.5, 0.9999),
            "resamples": (100, 10**6),
            "seed": (0, 2**31 - 1),
            "max_prefixes": (1, 10**9),
        }
        problems = out_of_range(self, limits)
        for name, value in self.change_thresholds.items():
            if value > 0:
                problems.append(
                    f"change_thresholds[{shorten(name)}] must be 0 or below, got {value!r}: an "
                    "equal model could never be blessed"
                )
        return problems + not_rising(self, "item_age_buckets")
