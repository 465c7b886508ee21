"""What an Examples artifact says about the window of days that it was made from."""

from __future__ import annotations

import json

from tfx import types

from modules.daily.days import DAYS
from modules.daily.order import NO_SPAN

SPAN = "span"
"""Custom property that TFX's driver sets, too; the property of this name stays 0."""
_DAY = "day"


def days_of(examples: types.Artifact | None) -> dict[str, int]:
    """Returns the bytes of the files of each day, the evaluated one last; {} without a window."""
    text = examples.get_string_custom_property(DAYS) if examples else ""
    found: dict[str, int] = json.loads(text or "{}")
    return found


def evaluated_span(examples: types.Artifact | None) -> int | None:
    """Returns the span that split test is; None without a window."""
    if examples is None or not days_of(examples):
        return None
    return int(examples.get_int_custom_property(SPAN))


def evaluated_day(examples: types.Artifact | None) -> str | None:
    """Returns the name of the day that split test is; None without a window."""
    return next(reversed(days_of(examples)), None)


def first_evaluated_start(examples: types.Artifact | None) -> int | None:
    """Returns the start of the first session of split test, in ms; None without a window."""
    if examples is None or not days_of(examples):
        return None
    return int(examples.get_int_custom_property("test.first_start"))


def span_of(result: types.Artifact) -> int:
    """Returns the evaluated span that a report or verdict carries; `NO_SPAN` without a window."""
    has_span = result.has_custom_property(SPAN)
    return int(result.get_int_custom_property(SPAN)) if has_span else NO_SPAN


def mark(result: types.Artifact, examples: types.Artifact | None) -> None:
    """Lets a report or verdict carry the evaluated span of its run's examples, if any."""
    if (span := evaluated_span(examples)) is not None:
        result.set_int_custom_property(SPAN, span)


def mark_day(blessing: types.Artifact, examples: types.Artifact | None) -> None:
    """Lets a blessing carry the evaluated day of its run's examples, if any."""
    if day := evaluated_day(examples):
        blessing.set_string_custom_property(_DAY, day)


def day_of(blessing: types.Artifact) -> str | None:
    """Returns the evaluated day that a blessing carries; None without a window."""
    return blessing.get_string_custom_property(_DAY) or None
