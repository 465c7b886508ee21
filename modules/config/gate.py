"""Options of the model gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from modules.config.fields import Section, option
from modules.messages.quoting import shorten


@dataclasses.dataclass(frozen=True)
class GateOptions(Section):
    """What a model must reach to be blessed.

    Metrics are named as everywhere, `honest/all/recall@20`, those of a slice
    `honest/all/recall@20/context_length=1`. Prefer `honest` ones in comparisons: the known view of
    two models differs when their training data differ.
    """

    thresholds: Mapping[str, float] = option({}, "metric -> lowest value that is blessed")
    beat_baselines: tuple[str, ...] = option(
        ("popularity", "sequential_rules"),
        "baselines that the model must beat; each must be in `baselines.names`",
    )
    beat_metrics: tuple[str, ...] = option(
        ("honest/all/recall@20", "honest/all/mrr@20"), "metrics in which it must beat each of them"
    )
    beat_margin: float = option(
        0.0, "what the lower end of the interval of the difference must exceed", limits=(0.0, 1.0)
    )
    # Refused is a loss whose whole interval lies below 0.
    change_thresholds: Mapping[str, float] = option(
        {"honest/all/recall@20": -0.01, "honest/all/mrr@20": -0.01},
        "metric -> least difference to the last blessed model (0 or below); a larger loss that "
        "noise does not explain is refused",
    )
    # Intervals are wider in slices, so that all of them together raise a false alarm as rarely as
    # one metric does.
    slice_change_threshold: float | None = option(
        -0.05,
        "the same for every metric of `slice_change_metrics` in every slice; null does not "
        "compare slices",
        limits=(-1.0, 0.0),
    )
    slice_change_metrics: tuple[str, ...] = option(
        ("honest/all/recall@20",), "metrics, over all steps, that are compared in every slice"
    )
    # With it, every model is refused until somebody fixes or removes the lost one.
    require_last_blessed: bool = option(
        False,
        "whether a last blessed model that cannot be loaded or queried refuses the candidate, "
        "instead of being named and left out",
    )
    min_coverage: float | None = option(
        None,
        "lowest share of the training data's items that the recommendations, taken together, must "
        "hold; null for no limit",
        limits=(0.0, 1.0),
    )
    max_popularity_ratio: float | None = option(
        None,
        "highest ratio of the mean popularity of recommended items to that of targets; null for "
        "no limit",
        limits=(0.0, 1e9),
    )
    item_age_buckets: tuple[int, ...] = option(
        (1, 3, 7, 14),
        "upper bounds of the item age slices, counted from the item's first event in the training "
        "data",
        rising=True,
        unit="days",
    )
    confidence: float = option(
        0.95, "confidence level of all intervals, two-sided", limits=(0.5, 0.9999)
    )
    resamples: int = option(
        2000, "resamples of the bootstrap over sessions", limits=(100, 10**6), unit="resamples"
    )
    seed: int = option(42, "seed of the bootstrap", limits=(0, 2**31 - 1))
    max_prefixes: int = option(
        10_000,
        "about how many prefixes, of a random sample of sessions, the model recommends for; "
        "metrics beyond accuracy are computed on them",
        limits=(1, 10**9),
        unit="prefixes",
    )

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return super().problems() + [
            f"change_thresholds[{shorten(name)}] must be 0 or below, got {value!r}: an equal model "
            "could never be blessed"
            for name, value in self.change_thresholds.items()
            if value > 0
        ]
