"""Resolves span and version of the input by TFX's rules, on files found by our own patterns."""

from __future__ import annotations

from tfx.components.example_gen import input_processor

from modules.daily.spans import Taken, newest_versions
from modules.files import patterns


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

    def _newest(self, pattern: str) -> Taken:
        if not (self._is_match_span or self._is_match_date):
            return Taken(0, -1, pattern)
        newest, wanted = newest_versions(self._input_base_uri, pattern), self._wanted_span()
        place = patterns.join(self._input_base_uri, pattern)
        if wanted is not None and wanted not in newest:
            raise ValueError(f"no file of span {wanted} matches {place}")
        if not newest:
            raise ValueError(f"no file matches {place}")
        return newest[max(newest) if wanted is None else wanted]

    def _wanted_span(self) -> int | None:
        config = self._range_config
        if config and config.HasField("static_range"):
            return int(config.static_range.start_span_number)
        return None
