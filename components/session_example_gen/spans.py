"""Resolves span and version of the input by TFX's rules, on files found by our own patterns."""

from __future__ import annotations

from typing import NamedTuple

from tfx.components.example_gen import input_processor, utils

from modules.files import patterns


class _Taken(NamedTuple):
    """Span, version (-1 for none) and pattern of a split; the newest is the greatest."""

    span: int
    version: int
    pattern: str


class SpanProcessor(input_processor.FileBasedInputProcessor):
    """Finds the newest version of a split's newest span, or of a given span.

    TFX's own processor has another pattern syntax, and supports no URIs if the splits have no
    folder in common.
    """

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Returns span and version, which must be the same for all splits.

        Raises:
          ValueError: a split has no such file, or its newest span or version differs.
        """
        found = {split.name: self._newest(split.pattern) for split in self._splits}
        self._filled = {split.pattern: found[split.name].pattern for split in self._splits}
        first = next(iter(found.values()))
        if any(taken[:2] != first[:2] for taken in found.values()):
            newest = ", ".join(
                f"{name} {taken.span}" + (f" version {taken.version}" * (taken.version >= 0))
                for name, taken in found.items()
            )
            raise ValueError(f"all splits must have the same newest span, found {newest}")
        return first.span, first.version if first.version >= 0 else None

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:
        """Inserts the numbers as they are in the files' names, with leading zeros."""
        return self._filled[pattern]

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Leaves the fingerprint to the driver."""
        return ""

    def _newest(self, pattern: str) -> _Taken:
        if not (self._is_match_span or self._is_match_date):
            return _Taken(0, -1, pattern)
        place = patterns.join(self._input_base_uri, pattern)
        wanted = self._wanted_span()
        taken = {
            _Taken(_span(match), int(match.values.get("VERSION", -1)), _filled(pattern, match))
            for match in patterns.find_matches(place)
        }
        taken = {one for one in taken if wanted in (None, one.span)}
        if not taken:
            of_span = "" if wanted is None else f" of span {wanted}"
            raise ValueError(f"no file{of_span} matches {place}")
        newest = max(taken)
        if len({one.pattern for one in taken if one[:2] == newest[:2]}) > 1:
            raise ValueError(f"files of {place} write the number {newest.span} in different ways")
        return newest

    def _wanted_span(self) -> int | None:
        config = self._range_config
        if config and config.HasField("static_range"):
            return int(config.static_range.start_span_number)
        return None


def _span(match: patterns.Match) -> int:
    if "SPAN" in match.values:
        return int(match.values["SPAN"])
    try:
        date = (int(match.values[name]) for name in ("YYYY", "MM", "DD"))
        return int(utils.date_to_span_number(*date))
    except ValueError as error:
        raise ValueError(f"{match.path} has no valid date: {error}") from error


def _filled(pattern: str, match: patterns.Match) -> str:
    return patterns.PLACEHOLDER.sub(lambda found: match.values[found["name"]], pattern)
