"""The deployment file: where a compiled pipeline runs, not what it computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.config.parsing import build, field_names
from modules.config.yaml_text import parse_yaml, unwrap
from modules.files.patterns import is_plain
from modules.files.text_file import read_text
from modules.messages.quoting import quote, reason_of
from pipeline.config import ConfigError

TARGETS = ("oss", "vertex")
# What the KFP launcher copies to and from a pod; TFX itself cannot read or write these.
COPIED_SCHEMES = ("minio://", "s3://")
ROOT_SCHEMES = {"oss": ("gs://", *COPIED_SCHEMES), "vertex": ("gs://",)}
DEFAULT = "default"


@dataclasses.dataclass(frozen=True)
class Resources:
    """The resources of a node's container; requests and limits are the same.

    Attributes:
      cpu: cores.
      memory_gb: memory in units of 10^9 bytes.
      gpu: number of accelerators.
      gpu_type: resource name on Kubernetes, accelerator type on Vertex.
    """

    cpu: float = 1.0
    memory_gb: float = 4.0
    gpu: int = 0
    gpu_type: str = "nvidia.com/gpu"

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = [
            f"{name} must be above 0, got {getattr(self, name)!r}"
            for name in ("cpu", "memory_gb")
            if getattr(self, name) <= 0
        ]
        if self.gpu < 0:
            problems.append(f"gpu must be 0 or more, got {self.gpu!r}")
        return problems


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Where a pipeline runs and keeps its files.

    Attributes:
      target: `oss` (Kubeflow Pipelines v2) or `vertex`.
      image: container image with the code.
      pipeline_root: bucket and prefix of all artifacts.
      data_folder: folder of the click logs; default of the parameter of that name, as are the next.
      push_folder: folder of the pushed models, one numbered folder each.
      state_folder: folder of interrupted trainings' checkpoints and accepted data's statistics.
      beam: name of a file in pipeline/beam/presets/, or the path of one.
      parallelism: tasks of a Beam job on Flink at once, the slots of all task managers; 0 for the
        preset's.
      trainer_workers: machines that train the model in step, each a pod with the resources of
        Trainer; 0 trains in the Trainer's own pod.
      platform: file with volumes, node selectors and so on; Vertex has none.
      resources: resources by node id; `default` for all others.
    """

    target: str = "oss"
    image: str = ""
    pipeline_root: str = ""
    data_folder: str = ""
    push_folder: str = ""
    state_folder: str = ""
    beam: str = "direct"
    parallelism: int = 0
    trainer_workers: int = 0
    platform: str | None = None
    resources: Mapping[str, Resources] = dataclasses.field(default_factory=dict)

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = []
        if self.target not in TARGETS:
            problems.append(f"target must be one of {', '.join(TARGETS)}, got {quote(self.target)}")
        if self.parallelism < 0:
            problems.append(f"parallelism must be 0 or more, got {self.parallelism}")
        if self.trainer_workers < 0 or self.trainer_workers == 1:
            problems.append(
                "trainer_workers must be 2 or more, or 0 to train in the Trainer's own pod, got "
                f"{self.trainer_workers}"
            )
        if self.trainer_workers and self.target != "oss":
            problems.append(
                f"trainer_workers is {self.trainer_workers}, which needs Kubeflow's training "
                f"operator: leave it out for the target {quote(self.target)}"
            )
        for name in ("image", "pipeline_root", "data_folder", "push_folder", "state_folder"):
            value = getattr(self, name)
            if not value:
                problems.append(f"{name} is not set")
            elif name.endswith(("_root", "_folder")) and not is_plain(value):
                problems.append(
                    f"{name} must have none of * ? [ \\ in it, got {quote(value)}: TFX takes "
                    "them for patterns"
                )
        return problems

    def resources_of(self, node: str) -> Resources:
        """Returns the resources of a node."""
        return self.resources.get(node) or self.resources.get(DEFAULT) or Resources()


def _read_mapping(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        values = parse_yaml(read_text(file))
    except (OSError, ValueError) as error:
        raise ConfigError(str(file), [f"cannot be read: {reason_of(error)}"]) from error
    if not isinstance(values, dict):
        problems.append(f"must contain a mapping, got {quote(values)}")
        return {}
    return values


def _read_resources(values: Any, problems: list[str]) -> dict[str, Resources]:
    if unwrap(values) is None:
        return {}
    if not isinstance(values, dict):
        problems.append(f"resources must be a mapping of node ids, got {quote(values)}")
        return {}
    resources = {}
    for node, wanted in values.items():
        known = [f"resources.{node}.{key}" for key in field_names(Resources)]
        resources[node] = build(Resources, wanted, f"resources.{node}", problems, known)
    return resources


def load_deployment(file: Path) -> Deployment:
    """Reads a deployment file.

    Raises:
      ConfigError: it has unknown keys, wrong types or missing values; all are listed.
    """
    problems: list[str] = []
    values = _read_mapping(file, problems)
    resources = _read_resources(values.pop("resources", {}), problems)
    known = [f"deployment.{name}" for name in field_names(Deployment)]
    deployment = build(Deployment, values, "deployment", problems, known)
    if problems:
        raise ConfigError(file.name, problems)
    return dataclasses.replace(deployment, resources=resources)
