"""Options of the model gate, the section `gate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from modules.config.fields import Section, option
from modules.messages.quoting import shorten


@dataclasses.dataclass(frozen=True)
class ModelGateOptions(Section):
    """What a model must reach to be blessed.

    Metrics are named as everywhere, `honest/all/recall@20`, those of a slice
    `honest/all/recall@20/context_length=1`. Prefer `honest` ones in comparisons: the known view of
    two models differs when their training data differ.
    """

    thresholds: Mapping[str, float] = option({}, "metric -> lowest value that is blessed")
    beat_baselines: tuple[str, ...] = option(
        ("popularity", "sequential_rules"), "baselines to beat; each must be in `baselines.names`"
    )
    beat_metrics: tuple[str, ...] = option(
        ("honest/all/recall@20", "honest/all/mrr@20"), "metrics in which each must be beaten"
    )
    beat_margin: float = option(
        0.0, "what the lower end of the interval of the difference must exceed", limits=(0.0, 1.0)
    )
    # A loss is refused if its whole interval lies below 0.
    change_thresholds: Mapping[str, float] = option(
        {"honest/all/recall@20": -0.01, "honest/all/mrr@20": -0.01},
        "metric -> largest accepted loss against the last blessed model (0 or below), unless noise "
        "explains a larger one",
    )
    # Intervals are wider in slices, so that all of them together raise a false alarm as rarely as
    # one metric does.
    slice_change_threshold: float | None = option(
        -0.05, "the same in every slice; null does not compare slices", limits=(-1.0, 0.0)
    )
    slice_change_metrics: tuple[str, ...] = option(
        ("honest/all/recall@20",), "metrics, over all steps, that are compared in every slice"
    )
    # Takes the last days' differences from the verdict before.
    pooled_days: int = option(
        1,
        "days that are also compared together, the evaluated one included; 1 for it alone",
        limits=(1, 366),
    )
    # If true, every model is refused until somebody fixes or removes the lost one.
    require_last_blessed: bool = option(
        False, "refuse the candidate if the last blessed model cannot be loaded or queried"
    )
    min_coverage: float | None = option(
        None,
        "lowest share of training items that `coverage_prefixes` prefixes are expected to "
        "recommend; null for none",
        limits=(0.0, 1.0),
    )
    coverage_prefixes: int = option(
        1_000, "prefixes at which coverage is compared", limits=(1, 10**9)
    )
    max_popularity_ratio: float | None = option(
        None,
        "highest ratio of recommended items' to targets' mean popularity; null for none",
        limits=(0.0, 1e9),
    )
    item_age_buckets: tuple[int, ...] = option(
        (1, 3, 7, 14),
        "upper bounds of slices by time since the first event",
        rising=True,
        unit="days",
    )
    confidence: float = option(
        0.95, "confidence level of all intervals, two-sided", limits=(0.5, 0.9999)
    )
    resamples: int = option(2000, "bootstrap resamples of sessions", limits=(100, 10**6))
    seed: int = option(42, "seed of the bootstrap", limits=(0, 2**31 - 1))
    max_prefixes: int = option(
        10_000, "prefixes (about) to compute metrics beyond accuracy on", limits=(1, 10**9)
    )

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        found = super().problems() + [
            f"change_thresholds[{shorten(name)}] must be 0 or below, got {value!r}: an equal model "
            "could never be blessed"
            for name, value in self.change_thresholds.items()
            if value > 0
        ]
        if self.coverage_prefixes > self.max_prefixes:
            found.append(
                f"coverage_prefixes must not exceed max_prefixes = {self.max_prefixes}, got "
                f"{self.coverage_prefixes}: coverage would never be compared"
            )
        return found
