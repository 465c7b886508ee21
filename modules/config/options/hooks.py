"""Options of what is called when something has become of a run, the section `hooks`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option

BLESSED, REFUSED, FAILED, LATE, STALE = "blessed", "refused", "failed", "late", "stale"
EXCEEDED, WORSE = "exceeded", "worse"
EVENTS = (BLESSED, REFUSED, FAILED, LATE, STALE, EXCEEDED, WORSE)


@dataclasses.dataclass(frozen=True)
class HookOptions(Section):
    """A command or address that gets events; it changes no result of a run."""

    on_event: str | None = option(
        None,
        "shell command that gets each event as JSON on its standard input, or address "
        "(`http://`, `https://`) that the JSON is posted to",
    )
    events: tuple[str, ...] = option(EVENTS, "events that it gets", choices=EVENTS)
    timeout_seconds: float = option(
        10.0, "time after which it is ended", limits=(0, 3600), excluding=(0,), unit="seconds"
    )
    stale_days: int = option(
        3,
        "age of the served model, in days of the data, above which there is the event `stale` at "
        "the end of a run, or if a day is late",
        limits=(0, 3650),
        unit="days",
    )
