"""Where the program of Prism is, Beam's portable runner in Go."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from pipeline.beam.runners import flag_value, starts_prism
from pipeline.paths import PROJECT

LOCATION = "--prism_location"
# Beam itself downloads a release to this folder where it finds GitHub, and takes it from there.
_BEAMS_OWN = Path(".apache_beam", "cache", "prism", "bin")


def built_prism() -> Path:
    """Returns the path of the program that `make prism` builds for the installed Beam."""
    return PROJECT / ".venv" / "prism" / importlib.metadata.version("apache-beam") / "prism"


def with_prism(flags: Sequence[str]) -> tuple[str, ...]:
    """Returns the flags with the built program of Prism, if they need one and name none."""
    if starts_prism(flags) and not flag_value(flags, LOCATION) and built_prism().is_file():
        return (*flags, f"{LOCATION}={built_prism()}")
    return tuple(flags)


def missing_prism(flags: Sequence[str], home: Path) -> str:
    """Returns how to get the program of Prism if flags need it and it is not there, else "".

    Args:
      flags: flags of a Beam job.
      home: folder in which Beam keeps what it downloads.
    """
    if not starts_prism(flags):
        return ""
    how = f"`make prism` builds it (needs Go); or name a program with {LOCATION}=path"
    if location := flag_value(flags, LOCATION):
        is_there = "://" in location or Path(location).is_file()
        return "" if is_there else f"no program of Prism at {location}: {how}"
    version = importlib.metadata.version("apache-beam")
    if any((home / _BEAMS_OWN).glob(f"apache_beam-v{version}-prism-*")):
        return ""
    return f"PrismRunner needs the program of Prism: {how}"
