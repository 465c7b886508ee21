"""Turns the TFX pipeline into a specification that the backends run.

TFX's compiler gives the graph and the components; what it leaves out or gets wrong is corrected
here, on the JSON form: runtime parameters with defaults, resources, caching, arguments of the
entrypoint, and the platform document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml
from tfx.dsl.components.base.base_driver import BaseDriver
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline
from tfx.utils import name_utils

from modules.cluster_jobs import WORKER_JOB
from modules.config.parsing import to_plain
from modules.config.yaml_text import Dumper
from pipeline.beam.options import BeamOptions
from pipeline.cluster.cluster_pipeline import create_cluster_pipeline, runtime_parameters
from pipeline.cluster.deployment import DEFAULT, Deployment, Resources
from pipeline.cluster.executor_input import BEAM_OPTIONS, OUTPUTS
from pipeline.cluster.runtime_parameters import (
    FLAG,
    TYPES,
    Binding,
    RuntimeParameter,
    decode,
    encode,
)
from pipeline.cluster.worker_job import NODE
from pipeline.config import Config, ConfigError
from pipeline.paths import package_metadata

Spec = dict[str, Any]

# Relative to the working directory of the image: no interpreter flag puts the script's own folder
# behind the project otherwise, and a package named kubeflow exists on PyPI.
COMMAND = ("python", "kubeflow/entrypoint.py")
# Their results depend on folders whose content KFP's cache cannot see.
UNCACHED = (
    *(
        "SessionExampleGen",
        "ItemGen",
        "LatestBlessedModel",
        "AcceptedStatistics",
        "StatisticsKeeper",
    ),
    *("PreviousVerdict", "VerdictKeeper", "Pusher", "IndexPusher"),
)
# Nodes that only some configurations have; one deployment file serves all configurations.
OPTIONAL = (
    *("Tuner", "BaseModel", "IndexBuilder", "IndexPusher"),
    *("PreviousVerdict", "VerdictKeeper", "ItemGen"),
)


def compile_pipeline(config: Config, deployment: Deployment) -> Spec:
    """Compiles the pipeline into a PipelineSpec of schema 2.1.0, in its JSON form.

    Raises:
      ConfigError: the deployment has resources for a node that no configuration has.
    """
    pipeline = create_cluster_pipeline(config, deployment)
    spec = _compile_with_tfx(pipeline, deployment)
    metadata = package_metadata()
    spec["sdkVersion"] = f"{metadata['NAME']}-{metadata['VERSION']}"
    spec["defaultPipelineRoot"] = deployment.pipeline_root
    _check_resources(deployment, [node.id for node in pipeline.components])
    for node in pipeline.components:
        starts_workers = node.id == NODE and deployment.trainer_workers
        resources = deployment.resources_of(DEFAULT if starts_workers else node.id)
        _finish_node(spec, node, resources)
        if isinstance(node.executor_spec, BeamExecutorSpec):
            _add_beam_options(spec, node.id, config.beam)
    for parameter in runtime_parameters(config, deployment):
        _add_parameter(spec, parameter)
    return spec


def add_worker_job(spec: Spec, job: dict[str, Any]) -> None:
    """Makes the Trainer start a TFJob and wait for it, in a pod that needs no more for that."""
    given = spec["root"]["dag"]["tasks"][NODE]["inputs"]["parameters"]["custom_config"]
    config = {**json.loads(given["runtimeValue"]["constant"]), WORKER_JOB: job}
    given["runtimeValue"]["constant"] = json.dumps(config, sort_keys=True)


def _check_resources(deployment: Deployment, nodes: Iterable[str]) -> None:
    known = {*nodes, *OPTIONAL, DEFAULT}
    problems = [
        f"resources.{name} is not a node of the pipeline: there are {', '.join(sorted(known))}"
        for name in deployment.resources
        if name not in known
    ]
    if problems:
        raise ConfigError("deployment", problems)


def _compile_with_tfx(pipeline: Pipeline, deployment: Deployment) -> Spec:
    runner_config = KubeflowV2DagRunnerConfig(
        default_image=deployment.image,
        default_commands=list(COMMAND),
        use_pipeline_spec_2_1=True,
    )
    job = KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
    spec: Spec = job["pipelineSpec"]
    return spec


def _container(spec: Spec, node_id: str) -> dict[str, Any] | None:
    label = spec["components"][node_id]["executorLabel"]
    container: dict[str, Any] | None = spec["deploymentSpec"]["executors"][label].get("container")
    return container


def _finish_node(spec: Spec, node: BaseNode, resources: Resources) -> None:
    """Completes a container: caching, resources and the entrypoint's arguments."""
    task = spec["root"]["dag"]["tasks"][node.id]
    if node.id in UNCACHED:
        # KFP takes a missing option for "no"; an empty one tells readers so too.
        task["cachingOptions"] = {}
    container = _container(spec, node.id)
    if container is None:
        return
    # The backend ignores this hook of Vertex; the entrypoint runs our own driver on both targets.
    container.pop("lifecycle", None)
    container["resources"] = _resource_spec(resources)
    container["args"] += ["--node", node.id, OUTPUTS, json.dumps(_declared_outputs(spec, node.id))]
    if node.driver_class is not BaseDriver:
        container["args"] += ["--driver_class_path", name_utils.get_full_name(node.driver_class)]


def _add_beam_options(spec: Spec, node_id: str, options: BeamOptions) -> None:
    """Adds what a node's Beam runner needs beside flags, if that is not the default."""
    container = _container(spec, node_id)
    if container and options != BeamOptions():
        container["args"] += [BEAM_OPTIONS, json.dumps(to_plain(options), sort_keys=True)]


def _declared_outputs(spec: Spec, node_id: str) -> list[str]:
    """Returns the names of the node's own outputs, without those that KFP adds."""
    definitions = spec["components"][node_id].get("outputDefinitions") or {}
    return sorted({*definitions.get("artifacts", {}), *definitions.get("parameters", {})})


def _resource_spec(resources: Resources) -> dict[str, Any]:
    """Returns requests as the fields that KFP 2.0 and later and Vertex all read."""
    spec: dict[str, Any] = {
        "cpuLimit": resources.cpu,
        "cpuRequest": resources.cpu,
        "memoryLimit": resources.memory_gb,
        "memoryRequest": resources.memory_gb,
    }
    if resources.gpu:
        spec["accelerator"] = {"type": resources.gpu_type, "count": str(resources.gpu)}
    return spec


def _add_parameter(spec: Spec, parameter: RuntimeParameter) -> None:
    """Adds a parameter to the pipeline and to the nodes that use it."""
    bindings = {n: b for n, b in parameter.bindings.items() if n in spec["components"]}
    if not bindings:
        return
    kind = {"parameterType": TYPES[type(parameter.default)]}
    root = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    root[parameter.name] = {
        **kind,
        "defaultValue": parameter.default,
        "description": parameter.description,
        "isOptional": True,
    }
    for node_id, binding in bindings.items():
        definitions = spec["components"][node_id]["inputDefinitions"].setdefault("parameters", {})
        definitions[parameter.name] = dict(kind)
        inputs = spec["root"]["dag"]["tasks"][node_id]["inputs"].setdefault("parameters", {})
        inputs[parameter.name] = {"componentInputParameter": parameter.name}
        _append_binding((_container(spec, node_id) or {"args": []})["args"], binding)


def _append_binding(args: list[str], binding: Binding) -> None:
    if FLAG not in args:
        args += [FLAG, "[]"]
    place = args.index(FLAG) + 1
    args[place] = encode([*decode(args[place]), binding])


class _Dumper(Dumper):
    """Repeats what is the same for all nodes: anchors are hard on people and other parsers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(spec: Spec, platform: dict[str, Any] | None) -> str:
    """Returns the file for Kubeflow Pipelines: the specification, then the platform's part."""
    documents = [spec, platform] if platform else [spec]
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=100)


def to_vertex_json(spec: Spec, deployment: Deployment) -> str:
    """Returns Vertex's PipelineJob."""
    job = {
        "displayName": spec["pipelineInfo"]["name"],
        "pipelineSpec": spec,
        "runtimeConfig": {"gcsOutputDirectory": deployment.pipeline_root},
    }
    return json.dumps(job, indent=2, sort_keys=True) + "\n"
