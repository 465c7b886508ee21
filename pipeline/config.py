"""The pipeline's configuration: one frozen dataclass per concern, read from YAML, checked once.

A preset names only what differs from the defaults of the dataclasses. `load_config` adds the data
paths and the overrides of the command line, and reports every problem it finds in one error.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.config.fields import Section
from modules.config.options.baselines import BaselineOptions
from modules.config.options.data import DataOptions
from modules.config.options.data_gate import DataGateOptions
from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.features import FeatureOptions
from modules.config.options.hooks import HookOptions
from modules.config.options.index import NONE, IndexOptions
from modules.config.options.items import ItemOptions
from modules.config.options.model import ModelOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.config.options.monitor import MonitorOptions
from modules.config.options.releases import KeepOptions, ReleaseOptions
from modules.config.options.serving_validator import ServingValidatorOptions
from modules.config.options.sessions import SessionOptions
from modules.config.options.trainer import TrainerOptions
from modules.config.options.tuner import TunerOptions
from modules.config.overrides import FormerNames, apply_override
from modules.config.parsing import build, convert, field_names, to_plain, unknown_key
from modules.config.yaml_text import format_yaml, parse_yaml, unwrap
from modules.files.patterns import absolute
from modules.files.text_file import read_text
from modules.gate.known_metrics import unknown_metrics
from modules.messages.quoting import quote, shorten
from pipeline.beam.options import BeamOptions
from pipeline.beam.runners import in_this_process, runner_name
from pipeline.data_files import (
    DataPaths,
    resolve_data,
    resolve_forgotten,
    resolve_items,
    resolve_offers,
    with_given_files,
    without_replaced_cut,
)
from pipeline.paths import PROJECT

PRESETS = PROJECT / "pipeline" / "presets"
DEFAULT_PRESET = "sample"
OWN_DATA_PRESET = "custom"
USER_CODE = ("module_file", "module_path")
# Beam's DirectRunner looks for Prism on the internet before every batch job; this runner does not.
# The image is never used, but without such a flag TFX packs itself into an sdist for every Beam
# node, which takes 2 to 3.5 s.
LOCAL_BEAM = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=unused",
)

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


class ConfigError(Exception):
    """A configuration is not usable; the message has one line per problem."""

    def __init__(self, source: str, problems: Sequence[str], hooks: HookOptions | None = None):
        """Keeps each problem once; `source` is their file or argument, `hooks` who hears of it."""
        self.problems = tuple(dict.fromkeys(problems))
        self.source, self.hooks = source, hooks
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"Config {shorten(source)} is not usable:\n{lines}")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a run depends on except the output folder.

    Each section's options are declared in `modules/config/options/`, those of `beam` in
    `pipeline/beam/options.py`.

    Attributes:
      name: name of the pipeline, in TFX and in metadata.
      user_code: `module_file` hands Transform and Trainer the files of `modules/`, as TFX's own
        examples do; `module_path` the dotted path of the same functions, which images and workers
        in other processes need. The default is what the runner needs.
      beam_pipeline_args: flags of all Beam jobs.
    """

    name: str
    data: DataOptions = dataclasses.field(default_factory=DataOptions)
    sessions: SessionOptions = dataclasses.field(default_factory=SessionOptions)
    items: ItemOptions = dataclasses.field(default_factory=ItemOptions)
    checks: DataGateOptions = dataclasses.field(default_factory=DataGateOptions)
    features: FeatureOptions = dataclasses.field(default_factory=FeatureOptions)
    model: ModelOptions = dataclasses.field(default_factory=ModelOptions)
    trainer: TrainerOptions = dataclasses.field(default_factory=TrainerOptions)
    tuner: TunerOptions = dataclasses.field(default_factory=TunerOptions)
    baselines: BaselineOptions = dataclasses.field(default_factory=BaselineOptions)
    evaluation: EvaluationOptions = dataclasses.field(default_factory=EvaluationOptions)
    gate: ModelGateOptions = dataclasses.field(default_factory=ModelGateOptions)
    serving: ServingValidatorOptions = dataclasses.field(default_factory=ServingValidatorOptions)
    index: IndexOptions = dataclasses.field(default_factory=IndexOptions)
    releases: ReleaseOptions = dataclasses.field(default_factory=ReleaseOptions)
    keep: KeepOptions = dataclasses.field(default_factory=KeepOptions)
    monitor: MonitorOptions = dataclasses.field(default_factory=MonitorOptions)
    hooks: HookOptions = dataclasses.field(default_factory=HookOptions)
    beam: BeamOptions = dataclasses.field(default_factory=BeamOptions)
    user_code: str = "module_file"
    beam_pipeline_args: tuple[str, ...] = LOCAL_BEAM

    def problems(self) -> list[str]:
        """Returns one message per top-level value, or combination of values, that is not valid."""
        problems = []
        if not _NAME.fullmatch(self.name):
            problems.append(
                "name must have letters, digits and hyphens only (at most 63, no hyphen first), "
                f"got {quote(self.name)}"
            )
        if self.user_code not in USER_CODE:
            problems.append(
                f"user_code must be one of {', '.join(USER_CODE)}, got {quote(self.user_code)}"
            )
        flags = self.beam_pipeline_args
        if self.user_code == "module_file" and not in_this_process(flags):
            problems.append(
                "user_code is module_file, a file that Beam's workers cannot import with the flags "
                f"of {runner_name(flags)}, since they are other processes: set it to module_path, "
                "or leave it out"
            )
        if self.evaluation.split == "eval" and self.trainer.refit:
            problems.append(
                "evaluation.split is eval, on which trainer.refit would train the model and the "
                "baselines: set trainer.refit to false, or evaluate split test"
            )
        if self.serving.offer_file is not None and self.index.kind != NONE:
            problems.append(
                f"index.kind is {self.index.kind}, whose index recommends the whole catalogue "
                "whatever list serving.offer_file names: set one of them to its default"
            )
        if self.model.item_features and self.items.file is None:
            problems.append("model.item_features needs items.file, the file that has these columns")
        if self.model.item_features and self.trainer.warm_start:
            problems.append(
                "trainer.warm_start carries no vectors of model.item_features over: set it to "
                "false, or leave model.item_features out"
            )
        daily = self.data.daily
        if daily is not None and "{SPAN" in daily and self.sessions.visitor_column is not None:
            problems.append(
                "sessions.visitor_column needs a data.daily of dates, {YYYY}, {MM} and {DD} in "
                "place of {SPAN}, since a session goes to the date (UTC) it starts on"
            )
        problems += [f"gate.{line}" for line in unknown_metrics(self.evaluation, self.gate)]
        names = self.baselines.names
        return problems + [
            f"gate.beat_baselines: {shorten(name)} is not among the baselines that are evaluated, "
            f"{quote(list(names))}: add it to baselines.names"
            for name in self.gate.beat_baselines
            if name not in names
        ]


_HINTS: Mapping[str, Any] = typing.get_type_hints(Config)
SECTIONS: Mapping[str, type[Section]] = {
    name: hint for name, hint in _HINTS.items() if hint not in (str, tuple[str, ...])
}
NO_RESULT = ("monitor", "hooks", "keep", "beam")
"""Sections on which no result of a run depends."""
_SCALARS = {name: hint for name, hint in _HINTS.items() if name not in SECTIONS}


def preset_names() -> list[str]:
    """Returns the names of the bundled presets."""
    return sorted(file.stem for file in PRESETS.glob("*.yaml"))


def choose_preset(preset: str | None, data: DataPaths) -> str:
    """Returns the preset to use: the named one, else one for own data, else the sample."""
    return preset or (OWN_DATA_PRESET if data.any() else DEFAULT_PRESET)


def read_yaml(file: Path) -> Any:
    """Returns the values of a YAML file.

    Raises:
      ConfigError: it is not valid.
    """
    try:
        return parse_yaml(read_text(file))
    except ValueError as error:
        raise ConfigError(file.name, [f"not readable as YAML: {error}"]) from error


def _preset_file(preset_or_path: str) -> Path:
    if preset_or_path in preset_names():
        return PRESETS / f"{preset_or_path}.yaml"
    return Path(absolute(preset_or_path, Path.cwd()))


def _read_file(preset_or_path: str) -> tuple[Path, dict[str, Any]]:
    file = _preset_file(preset_or_path)
    if not os.path.isfile(file):  # Path's own fails on a name that is too long for any file.
        names = ", ".join(preset_names())
        what = "a folder" if os.path.isdir(file) else "no such preset and no such file"
        problem = f"{what}: presets are {names}; else the path of a YAML"
        raise ConfigError(preset_or_path, [problem])
    values = read_yaml(file)
    if unwrap(values) is None:
        return file, {}
    if not isinstance(values, dict):
        raise ConfigError(file.name, [f"must contain a mapping of sections, got {quote(values)}"])
    return file, {key: None if unwrap(value) is None else value for key, value in values.items()}


def _name_of(file: Path) -> str:
    """Returns a pipeline name from the name of a file."""
    return re.sub(r"[^A-Za-z0-9]+", "-", file.stem).strip("-")


def _known_keys() -> list[str]:
    """Returns every key a configuration can have: `section.key`, or a top-level name."""
    keys = [f"{name}.{key}" for name, section in SECTIONS.items() for key in field_names(section)]
    return [*keys, *SECTIONS, *_SCALARS]


def _build_scalars(values: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    scalars = {}
    for key in _SCALARS.keys() & values.keys():
        try:
            scalars[key] = convert(values[key], _SCALARS[key])
        except ValueError as error:
            problems.append(f"{key} must be {error}, got {quote(values[key])}")
    return scalars


def load_config(
    preset_or_path: str,
    overrides: Sequence[str] = (),
    data: DataPaths | None = DataPaths(),  # noqa: B008 (frozen)
) -> Config:
    """Reads a preset or a YAML file, and applies data paths and overrides.

    Former names of options are reported in one warning.

    Args:
      preset_or_path: name of a bundled preset, or path of a YAML file of the same form, such as
        the result of `write_config`.
      overrides: `section.key=value` each; the value is text if the option is, else YAML.
      data: paths from the command line; they take precedence. None for a run on another machine,
        whose files are not looked up here.

    Raises:
      ConfigError: it has unknown keys, wrong types, values out of range or missing files; all are
        listed.
    """
    file, values = _read_file(preset_or_path)
    problems: list[str] = []
    with_given_files(values, data, file.parent == PRESETS)
    without_replaced_cut(values, data, overrides)
    former = FormerNames(SECTIONS)
    former.replace(values, problems)
    for assignment in former.overrides(overrides, problems):
        apply_override(values, assignment, SECTIONS, _SCALARS, problems)
    former.replace(values, problems)  # in whole mappings of overrides
    if warning := former.warning():
        _LOG.warning("Config %s: %s", shorten(file.name), shorten(warning, 1000))
    known = _known_keys()
    unknown = [key for key in values if key not in SECTIONS and key not in _SCALARS]
    problems += [unknown_key(key, values[key], known, former.present_names) for key in unknown]
    scalars = {"name": _name_of(file), **_build_scalars(values, problems)}
    if not in_this_process(scalars.get("beam_pipeline_args", LOCAL_BEAM)):
        scalars.setdefault("user_code", "module_path")
    sections: dict[str, Any] = {
        name: build(options_class, values.get(name), name, problems, known, former.present_names)
        for name, options_class in SECTIONS.items()
    }
    # Paths of a bundled preset are the checkout's own; all others are the user's.
    base = PROJECT if file.parent == PRESETS else Path.cwd()
    needs_test = sections["evaluation"].split == "test"
    sections["data"] = resolve_data(sections["data"], data, base, problems, needs_test)
    sections["serving"] = resolve_offers(sections["serving"], data is not None, problems)
    sections["items"] = resolve_items(
        sections["items"], data is not None, problems, sections["model"].item_features
    )
    sections["sessions"] = resolve_forgotten(sections["sessions"], data is not None, problems)
    config = Config(**scalars, **sections)
    problems += config.problems()
    if problems:
        raise ConfigError(file.name, problems, config.hooks)
    return config


def result_options(config: Config) -> dict[str, Any]:
    """Returns the plain values of all that a run's results depend on."""
    values = to_plain(config)
    return {name: value for name, value in values.items() if name not in NO_RESULT}


def write_config(config: Config, file: Path) -> None:
    """Writes all values as YAML; `load_config` reads the same Config back."""
    file.write_text(format_yaml(to_plain(config)), encoding="utf-8")
