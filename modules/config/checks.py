"""Options of the data gate."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class CheckOptions(Section):
    """What the data gate stops a run for, before anything is trained.

    Comparisons are with the data that last passed the gate in the same metadata store; they are
    skipped while there is none. None switches a limit off. What may be a leak or a wrong clock is
    warned of, with counts, whatever its limit.
    """

    stop_severities: tuple[str, ...] = option(
        ("ERROR",),
        "severities of ExampleValidator's anomalies that stop the run",
        choices=("ERROR", "WARNING"),
    )
    min_sessions: int = option(
        1, "sessions that each split needs", limits=(0, 10**12), unit="sessions"
    )
    max_item_drift: float | None = option(
        None,
        "largest change of any item's share of the train events (L-infinity distance)",
        limits=(0.0, 1.0),
    )
    max_item_divergence: float | None = option(
        None, "largest Jensen-Shannon divergence of the items' shares in train", limits=(0.0, 1.0)
    )
    max_session_count_change: float | None = option(
        None,
        "largest relative change of the number of train sessions; 0.5 accepts half to one and a "
        "half times as many",
        limits=(0.0, 10**6),
    )
    max_session_length_change: float | None = option(
        None, "largest relative change of the mean length of train sessions", limits=(0.0, 10**6)
    )
    max_copied_sessions: float | None = option(
        0.5,
        "largest share of sessions that two input splits have in common, with the same id, items "
        "and seconds, of the split that has fewer",
        limits=(0.0, 1.0),
    )
    max_shared_sessions: float | None = option(
        None,
        "largest share of a later input split's sessions whose id occurs in an earlier one too",
        limits=(0.0, 1.0),
    )
    max_time_overlap: float | None = option(
        None,
        "largest share of a later split's sessions that start before the last session of an "
        "earlier one; from 1 % on it is warned of",
        limits=(0.0, 1.0),
    )
    max_time_gap: float | None = option(
        10.0,
        "longest time between the end of train and the start of eval or test, as a multiple of "
        "the time that train spans (at least one day, at most 365 days); above 1 it is warned of",
        limits=(0.0, 10**6),
    )
    max_implausible_times: float | None = option(
        None,
        "largest share of a split's sessions that start before 1990 or later than tomorrow",
        limits=(0.0, 1.0),
    )
    max_tied_sessions: float | None = option(
        None,
        "largest share of a split that is cut from train beyond its fraction, since its sessions "
        "start in the same millisecond; from 10 % on it is warned of",
        limits=(0.0, 1.0),
    )
