"""The pipeline for a cluster, built by the same `create_pipeline` as a local run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel

from components.previous_run.node import KeptStatistics, StatisticsKeeper
from components.previous_run.verdicts import KeptVerdict, VerdictKeeper
from modules.config.fields import declared
from modules.config.options.data import DataOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.files.file_systems import FilePatternError, place_of, tensorflow_schemes
from modules.files.patterns import is_uri
from modules.sessions.splits import SPLITS
from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.runners import flag_value
from pipeline.cluster.deployment import Deployment
from pipeline.cluster.runtime_parameters import NO_SPAN, Binding, RuntimeParameter
from pipeline.config import SECTIONS, Config, ConfigError, load_config
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline
from pipeline.previous_run import BLESSED_MODEL_ID, EarlierRuns, pushed_model
from pipeline.tfx_nodes import code_digest

# Relative to the working directory of the image, which is the project.
SCHEMA_FOLDER = "pipeline/schema"
ACCEPTED = "{}/accepted"
VERDICTS = "{}/verdicts"
CHECKPOINTS = "{}/checkpoints"
_PARALLELISM = "--parallelism"


def load_cluster_config(
    preset: str, overrides: Sequence[str], beam: str, parallelism: int = 0
) -> Config:
    """Reads a preset for a run on a cluster; file names stay relative to the data folder.

    Args:
      preset: name of a preset, or path of a YAML file.
      overrides: `section.key=value` each.
      beam: name or path of a Beam preset.
      parallelism: in place of the preset's, 0 to keep that.

    Raises:
      ConfigError: the configuration cannot be used on a cluster; all problems are listed.
    """
    beam_preset = load_beam_preset(beam)
    config = load_config(preset, overrides, data=None)
    if config.serving.infra_validator != "none":
        problem = (
            "serving.infra_validator must be none on a cluster, got "
            f"{config.serving.infra_validator!r}: TFX compiles no InfraValidator for Kubeflow "
            "Pipelines v2; ServingValidator runs there"
        )
        raise ConfigError(preset, [problem])
    files = {
        "serving.offer_file": config.serving.offer_file,
        "sessions.forget_file": config.sessions.forget_file,
        "items.file": config.items.file,
    }
    if problems := [problem for each in files.items() if (problem := _problem_of_file(*each))]:
        raise ConfigError(preset, problems)
    return dataclasses.replace(
        config,
        name=config.name.lower(),
        data=_relative(config.data, preset),
        user_code="module_path",
        beam_pipeline_args=_with_parallelism(beam_preset.flags, parallelism, beam),
        beam=beam_preset.options,
    )


def _with_parallelism(flags: tuple[str, ...], parallelism: int, beam: str) -> tuple[str, ...]:
    if not parallelism:
        return flags
    if not flag_value(flags, _PARALLELISM):
        problem = f"parallelism is {parallelism}, but this Beam preset has no {_PARALLELISM}"
        raise ConfigError(beam, [f"{problem}, a flag of Flink's: leave it out"])
    return (*flags, f"{_PARALLELISM}={parallelism}")  # the last one counts


def _relative(data: DataOptions, preset: str) -> DataOptions:
    """Returns the splits' patterns relative to the data folder."""
    problems = [
        f"data.{split} must be relative to the data folder of the cluster, got {pattern!r}: give "
        "the name alone; the folder is a parameter of the run"
        for split in (*SPLITS, "daily")
        if (pattern := getattr(data, split)) and (pattern[0] in "/~" or is_uri(pattern))
    ]
    if problems:
        raise ConfigError(preset, problems)
    return dataclasses.replace(data, folder=None, generate=False)


def _problem_of_file(name: str, path: str | None) -> str:
    """Returns why pods could not read the file that an option names, "" if they can."""
    if path is None or path.startswith("/"):
        return ""
    if not is_uri(path):
        return f"{name} must be a URI or a path in a volume of the pods on a cluster, got {path!r}"
    try:
        place_of(path, tensorflow_schemes)
    except FilePatternError as error:
        return f"{name}: {error}"
    return ""


def cluster_paths(deployment: Deployment) -> Paths:
    """Returns the paths of a run on the cluster; none is a path of this machine."""
    return Paths(
        pipeline_root=deployment.pipeline_root,
        metadata="",
        push_folder=deployment.push_folder,
        checkpoint_folder=CHECKPOINTS.format(deployment.state_folder),
        schema=SCHEMA_FOLDER,
        modules="modules",
    )


def from_folders(deployment: Deployment) -> EarlierRuns:
    """Finds what earlier runs left in the folders that the runs share.

    Kubeflow Pipelines runs no Resolver, and Vertex's own finds a model only by a blessing whose
    model id TFX translates for its own Evaluator alone. So both targets read the push folder.
    """
    digest = code_digest(StatisticsKeeper)
    accepted = ACCEPTED.format(deployment.state_folder)

    def find(examples: Channel) -> BaseNode:
        node = KeptStatistics(examples=examples, folder=accepted, source_digest=digest)
        return node.with_id("AcceptedStatistics")

    def keep(statistics: Channel, examples: Channel, data_gate: BaseNode) -> list[BaseNode]:
        keeper = StatisticsKeeper(
            statistics=statistics, examples=examples, folder=accepted, source_digest=digest
        )
        keeper.add_upstream_node(data_gate)
        return [keeper]

    verdicts = VERDICTS.format(deployment.state_folder)

    def find_verdict(examples: Channel) -> BaseNode:
        node = KeptVerdict(examples=examples, folder=verdicts, source_digest=digest)
        return node.with_id("PreviousVerdict")

    def keep_verdict(verdict: Channel, examples: Channel) -> list[BaseNode]:
        return [
            VerdictKeeper(verdict=verdict, examples=examples, folder=verdicts, source_digest=digest)
        ]

    return EarlierRuns(
        find,
        lambda examples: pushed_model(examples, deployment.push_folder),
        find_verdict,
        keep,
        keep_verdict,
    )


def create_cluster_pipeline(config: Config, deployment: Deployment) -> Pipeline:
    """Builds the pipeline of a run on the cluster; nothing is written."""
    data = dataclasses.replace(config.data, folder=deployment.data_folder)
    config = dataclasses.replace(config, data=data)
    return create_pipeline(config, cluster_paths(deployment), from_folders(deployment))


def runtime_parameters(config: Config, deployment: Deployment) -> list[RuntimeParameter]:
    """Returns the parameters that a run may set, with their defaults.

    The compiler leaves out nodes that the pipeline does not have.
    """
    items = [_items_file(config.items.file)] if config.items.file else []
    return [
        *items,
        RuntimeParameter(
            "data_folder",
            deployment.data_folder,
            "folder of the click logs",
            {
                "SessionExampleGen": Binding("data_folder", "input_base"),
                "Report": Binding("data_folder", "config", ("data", "folder")),
            },
        ),
        RuntimeParameter(
            "span",
            NO_SPAN,
            "number in place of {SPAN} in the file names; -1 for the newest",
            {"SessionExampleGen": Binding("span", "range_config", form="span", minimum=NO_SPAN)},
        ),
        RuntimeParameter(
            "date",
            config.data.date or "",
            "day in place of {YYYY}, {MM} and {DD} in the file names; empty for the newest",
            {
                "SessionExampleGen": Binding("date", "range_config", form="date"),
                "Report": Binding("date", "config", ("data", "date"), "date"),
            },
        ),
        _of_option(config, "trainer", "max_epochs", ("Tuner", "Trainer"), "custom_config"),
        _thresholds(config, "thresholds"),
        _thresholds(config, "change_thresholds"),
        RuntimeParameter(
            "push_folder",
            deployment.push_folder,
            "folder of the pushed models, one numbered folder each",
            {
                BLESSED_MODEL_ID: Binding("push_folder", "push_folder"),
                "BaseModel": Binding("push_folder", "push_folder"),
                "Pusher": Binding("push_folder", "push_destination", _PUSH_PATH),
                "IndexPusher": Binding("push_folder", "push_destination", _PUSH_PATH, "{}_index"),
            },
        ),
        RuntimeParameter(
            "state_folder",
            deployment.state_folder,
            "folder of interrupted trainings' checkpoints, accepted data's statistics and verdicts",
            {
                "AcceptedStatistics": Binding("state_folder", "folder", form=ACCEPTED),
                "StatisticsKeeper": Binding("state_folder", "folder", form=ACCEPTED),
                "PreviousVerdict": Binding("state_folder", "folder", form=VERDICTS),
                "VerdictKeeper": Binding("state_folder", "folder", form=VERDICTS),
                **dict.fromkeys(
                    ("Tuner", "Trainer"),
                    Binding("state_folder", "custom_config", ("checkpoint_folder",), CHECKPOINTS),
                ),
            },
        ),
    ]


def _items_file(file: str) -> RuntimeParameter:
    return RuntimeParameter(
        "items_file",
        file,
        "path or pattern of the files of items",
        {
            "ItemGen": Binding("items_file", "options", ("file",)),
            "Report": Binding("items_file", "config", ("items", "file")),
        },
    )


def _of_option(
    config: Config, section: str, name: str, nodes: Sequence[str], prop: str
) -> RuntimeParameter:
    """Returns an integer option as a parameter, with the option's limit and sentence.

    Args:
      config: configuration with the default.
      section: section of the option.
      name: name of the option, and of the parameter.
      nodes: ids of the nodes that get the section as JSON.
      prop: name of their execution property.
    """
    rule, path = declared(SECTIONS[section], name), (section, name)
    lowest = int(rule.limits[0]) if rule.limits else None
    binding = Binding(name, prop, path, minimum=lowest)
    return RuntimeParameter(
        name,
        getattr(getattr(config, section), name),
        rule.sentence,
        {**dict.fromkeys(nodes, binding), "Report": dataclasses.replace(binding, prop="config")},
    )


def _thresholds(config: Config, name: str) -> RuntimeParameter:
    """Returns thresholds of the model gate as a parameter: a JSON object of numbers by metric."""
    return RuntimeParameter(
        name,
        json.dumps(dict(getattr(config.gate, name)), sort_keys=True),
        f"{declared(ModelGateOptions, name).sentence}; as JSON",
        {
            "ModelGate": Binding(name, "options", (name,), "json"),
            "Report": Binding(name, "config", ("gate", name), "json"),
        },
    )


_PUSH_PATH = ("filesystem", "base_directory")
