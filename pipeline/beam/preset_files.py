"""Beam presets: the flags of a runner, and what a run with it needs besides."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.config.parsing import build, convert, field_names, to_plain, unknown_key
from modules.messages.quoting import quote
from pipeline.beam.options import BeamOptions
from pipeline.config import ConfigError, read_yaml
from pipeline.paths import PROJECT

BEAM_PRESETS = PROJECT / "pipeline" / "beam" / "presets"
FLAGS = "flags"


@dataclasses.dataclass(frozen=True)
class BeamPreset:
    """A runner of Beam.

    Attributes:
      flags: flags of every Beam job.
      options: where its workers are, and how long they may take.
    """

    flags: tuple[str, ...]
    options: BeamOptions = dataclasses.field(default_factory=BeamOptions)

    def overrides(self) -> list[str]:
        """Returns the preset as `key=value` of a configuration, whose other values go after it."""
        options = {f"beam.{name}": value for name, value in to_plain(self.options).items()}
        values = {"beam_pipeline_args": list(self.flags), **options}
        return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def beam_preset_names() -> list[str]:
    """Returns the names of the bundled Beam presets."""
    return sorted(file.stem for file in BEAM_PRESETS.glob("*.yaml"))


def load_beam_preset(name_or_path: str) -> BeamPreset:
    """Reads a bundled preset, or a file of that form; a list of flags alone is one, too.

    Raises:
      ConfigError: there is no such preset, or it is not valid; all problems are listed.
    """
    file = BEAM_PRESETS / f"{name_or_path}.yaml"
    if not file.is_file():
        file = Path(name_or_path)
    if not file.is_file():
        names = ", ".join(beam_preset_names())
        problem = f"no such Beam preset and no such file: there are {names}"
        raise ConfigError(name_or_path, [problem])
    values = read_yaml(file)
    if not isinstance(values, Mapping):
        values = {FLAGS: values}
    problems: list[str] = []
    preset = BeamPreset(_flags(values, problems), _options(values, problems))
    if problems:
        raise ConfigError(file.name, problems)
    return preset


def _flags(values: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    known = [FLAGS, *field_names(BeamOptions)]
    problems += [unknown_key(key, values[key], known) for key in values if key not in known]
    try:
        flags: tuple[str, ...] = convert(values[FLAGS], tuple[str, ...])
    except (KeyError, ValueError):
        problems.append(f"must contain a list of {FLAGS}, got {quote(values.get(FLAGS))}")
        return ()
    return flags


def _options(values: Mapping[str, Any], problems: list[str]) -> BeamOptions:
    names = field_names(BeamOptions)
    given = {name: value for name, value in values.items() if name in names}
    known = [f"beam.{name}" for name in names]
    options: BeamOptions = build(BeamOptions, given, "beam", problems, known)
    return options
