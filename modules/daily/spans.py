"""Spans and versions of files, by the placeholders of a pattern; standard library only.

A span is the number `{SPAN}`, or the days since 1970 of `{YYYY}`, `{MM}` and `{DD}`, as in TFX.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from modules.daily.days import date_number, day_name, is_over
from modules.files import patterns
from modules.files.placeholders import PLACEHOLDER


class Window(NamedTuple):
    """The spans of a window.

    Attributes:
      day: span that is evaluated.
      version: its version, -1 for none.
      patterns: pattern of the files of each span, the evaluated one last; "" for one without files.
      around: patterns of the span before the window and of the one after it, of those that have
        files and are over: sessions of the window may begin or end there.
    """

    day: int
    version: int
    patterns: Mapping[str, str]
    around: tuple[str, ...] = ()


class Taken(NamedTuple):
    """Span, version (-1 for none) and pattern of some files; the newest is the greatest."""

    span: int
    version: int
    pattern: str


def newest_versions(base: str, pattern: str) -> dict[int, Taken]:
    """Returns the newest version of each span that has files.

    Args:
      base: folder that a relative pattern starts from.
      pattern: pattern with `{SPAN}`, or with `{YYYY}`, `{MM}` and `{DD}`.

    Raises:
      ValueError: a file name has no valid date, or a number is written in different ways.
    """
    place = patterns.join(base, pattern)
    newest: dict[int, Taken] = {}
    for match in patterns.find_matches(place):
        version = int(match.values.get("VERSION", -1))
        found = Taken(_span(match), version, _filled(pattern, match))
        other = newest.setdefault(found.span, found)
        if found[:2] == other[:2] and found.pattern != other.pattern:
            raise ValueError(f"files of {place} write the number {found.span} in different ways")
        newest[found.span] = max(found, other)
    return newest


def find_window(base: str, pattern: str, length: int, day: int | None) -> Window:
    """Finds the files of the `length` spans before a day, and of the day.

    Args:
      base: folder that a relative pattern starts from.
      pattern: pattern of one span's files.
      length: number of spans before the evaluated one.
      day: span to evaluate; None for the newest day that is over.

    Raises:
      ValueError: the day has no files, or no span before it has any.
    """
    is_dated = "{YYYY" in pattern
    newest = newest_versions(base, pattern)
    place = patterns.join(base, pattern)
    if not newest:
        raise ValueError(f"no file of any day matches {place}")
    if day is None:
        over = [span for span in newest if is_over(day_name(span, is_dated))]
        if not over:
            first = day_name(min(newest), is_dated)
            raise ValueError(f"no day that is over matches {place}: the first there is {first}")
        day = max(over)
    if day not in newest:
        raise ValueError(
            f"no file of {day_name(day, is_dated)} matches {place}: the newest day there is "
            f"{day_name(max(newest), is_dated)}"
        )
    spans = range(day - length, day + 1)
    if not any(span in newest for span in spans[:-1]):
        raise ValueError(
            f"{day_name(day, is_dated)} can be evaluated, but there is nothing to train on: none "
            f"of the {length} days before it has a file that matches {place}"
        )
    found = {
        day_name(span, is_dated): newest[span].pattern if span in newest else "" for span in spans
    }
    around = tuple(
        newest[span].pattern
        for span in (day - length - 1, day + 1)
        if span in newest and is_over(day_name(span, is_dated))
    )
    return Window(day, newest[day].version, found, around)


def _span(match: patterns.Match) -> int:
    if "SPAN" in match.values:
        return int(match.values["SPAN"])
    try:
        return date_number(*(int(match.values[name]) for name in ("YYYY", "MM", "DD")))
    except ValueError as error:
        raise ValueError(f"{match.path} has no valid date: {error}") from error


def _filled(pattern: str, match: patterns.Match) -> str:
    return PLACEHOLDER.sub(lambda found: match.values[found["name"]], pattern)
