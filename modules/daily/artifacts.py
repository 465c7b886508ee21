"""What an Examples artifact says about the window of days that it was made from."""

from __future__ import annotations

import json

from tfx import types

from modules.daily.days import DAYS
from modules.daily.order import NO_SPAN

SPAN = "span"
"""Custom property that TFX's driver sets, too; the property of this name stays 0."""


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
