"""Options of `session-retrieval monitor`, the section `monitor`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class MonitorOptions(Section):
    """From when on what the request log says is an alarm; it changes no result of a run.

    None switches a limit off. A limit on what fewer than 20 sessions say is not applied.
    """

    max_oov_share: float | None = option(
        None,
        "largest share of the items in served sessions that the model does not know",
        limits=(0.0, 1.0),
    )
    max_item_drift: float | None = option(
        None,
        "largest change of an item's share of the items in served sessions from that in the "
        "training data (L-infinity distance), if samples of training sessions do not differ as "
        "much",
        limits=(0.0, 1.0),
    )
    max_item_divergence: float | None = option(
        None,
        "the same of the Jensen-Shannon divergence of the items' shares; with many rare items even "
        "samples of the same data differ much",
        limits=(0.0, 1.0),
    )
    max_popularity_divergence: float | None = option(
        None, "the same of the shares of popularity groups", limits=(0.0, 1.0)
    )
    max_length_divergence: float | None = option(
        None, "the same of the shares of session lengths", limits=(0.0, 1.0)
    )
    max_stale_click_share: float | None = option(
        None, "largest share of clicks on items that the model does not know", limits=(0.0, 1.0)
    )
    max_empty_share: float | None = option(
        None, "largest share of requests with no recommendation", limits=(0.0, 1.0)
    )
    max_p99_ms: float | None = option(
        None,
        "highest 99th percentile of a version's latency",
        limits=(0, 10**6),
        excluding=(0,),
        unit="ms",
    )
    max_age_days: float | None = option(
        None,
        "largest time from the start of the last session that a version learned to its newest "
        "request",
        limits=(0, 3650),
        unit="days",
    )
    canary_worse: bool = option(
        True, "whether a version on trial that is shown to be worse than the stable one is an alarm"
    )
    click_minutes: float = option(
        30.0,
        "time after a request in which a click on a recommended item counts for click-through",
        limits=(0, 10_080),
        excluding=(0,),
        unit="minutes",
    )
    confidence: float = option(
        0.95, "confidence level of all intervals, two-sided", limits=(0.5, 0.9999)
    )
    resamples: int = option(2000, "bootstrap resamples of sessions", limits=(100, 10**6))
    seed: int = option(42, "seed of the bootstrap", limits=(0, 2**31 - 2))
