"""Options of the data gate, the section `checks`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class DataGateOptions(Section):
    """What the data gate stops a run for, before anything is trained.

    Data are compared with those that last passed the gate in the same metadata store, if any. None
    switches a limit off. A possible leak or wrong clock gives a warning, whatever its limit.
    """

    stop_severities: tuple[str, ...] = option(
        ("ERROR",), "severities of anomalies that stop the run", choices=("ERROR", "WARNING")
    )
    min_sessions: int = option(
        1, "minimum number of sessions in a split", limits=(0, 10**12), unit="sessions"
    )
    max_item_drift: float | None = option(
        None, "largest change of an item's share of train (L-infinity distance)", limits=(0.0, 1.0)
    )
    max_item_divergence: float | None = option(
        None, "largest Jensen-Shannon divergence of the items' shares of train", limits=(0.0, 1.0)
    )
    max_session_count_change: float | None = option(
        None, "largest relative change of the number of train sessions", limits=(0.0, 10**6)
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
        None, "largest share of sessions whose id an earlier input split has too", limits=(0.0, 1.0)
    )
    max_time_overlap: float | None = option(
        None,
        "largest share of sessions that start before an earlier split ends; warns above 1 %",
        limits=(0.0, 1.0),
    )
    max_time_gap: float | None = option(
        10.0,
        "longest gap between train and eval or test, as a multiple of the time that train spans "
        "(1 to 365 days); warns above 1",
        limits=(0.0, 10**6),
    )
    max_implausible_times: float | None = option(
        None,
        "largest share of sessions that start before 1990 or after tomorrow",
        limits=(0.0, 1.0),
    )
    max_tied_sessions: float | None = option(
        None,
        "largest share of a cut split beyond its fraction, of sessions that start in one "
        "millisecond; warns above 10 %",
        limits=(0.0, 1.0),
    )
    max_paused_sessions: float | None = option(
        None,
        "largest share of sessions with a pause of more than an hour, in a log of sessions: one of "
        "visitors has most; warns above 10 %",
        limits=(0.0, 1.0),
    )
    max_missing_days: int = option(
        0, "days of a window that may have no files; warns of each", limits=(0, 3650), unit="days"
    )
    max_day_size_change: float | None = option(
        None,
        "largest relative difference of the size of a day's files from the median of the window's "
        "other days; warns above 0.5",
        limits=(0.0, 10**6),
    )
    max_age_days: int | None = option(
        None,
        "largest age of the newest day of `data.daily`, by the machine's clock, if no day is "
        "named: an older one means that the log is late",
        limits=(0, 3650),
        unit="days",
    )
