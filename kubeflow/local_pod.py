"""One node of the local driver: its ExecutorInput, its process, its outputs, as KFP makes them.

Sources: backend/src/v2/driver (container.go, resolve.go, driver.go) and
backend/src/v2/component/launcher_v2.go.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from executor_input import Json, to_local
from local_store import BackendError, Store, merge_output

PROJECT = Path(__file__).resolve().parents[1]
POD_ROOT_VARIABLE = "SESSION_RETRIEVAL_POD_ROOT"
_TAIL = 25


class NodeFailedError(Exception):
    """Says which node failed, how, and what it said last."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One task of the specification, with all that belongs to it.

    Attributes:
      name: of the task.
      task: PipelineTaskSpec.
      component: ComponentSpec.
      container: PipelineContainerSpec.
    """

    name: str
    task: Json
    component: Json
    container: Json


def resolve_parameters(node: Node, values: Json) -> Json:
    """Returns the node's parameters (resolve.go, `resolveInputParameter` and the type checks).

    Args:
      node: whose they are.
      values: of the pipeline's own parameters.

    Raises:
      BackendError: KFP's driver would refuse a parameter.
    """
    wanted = (node.component.get("inputDefinitions") or {}).get("parameters") or {}
    resolved: Json = {}
    for name, source in ((node.task.get("inputs") or {}).get("parameters") or {}).items():
        if "componentInputParameter" in source:
            parent = source["componentInputParameter"]
            if values.get(parent) is None:
                raise BackendError(
                    f"{node.name}.{name}: the pipeline's parameter {parent} is unset"
                )
            resolved[name] = values[parent]
        elif "constant" in (source.get("runtimeValue") or {}):
            resolved[name] = source["runtimeValue"]["constant"]
        else:
            raise BackendError(
                f"{node.name}.{name}: a source of kind {sorted(source)} is not served"
            )
    for name, spec in wanted.items():
        if name in resolved:
            resolved[name] = _typed(f"{node.name}.{name}", resolved[name], spec)
        elif not spec.get("isOptional") and spec.get("defaultValue") is None:
            raise BackendError(f"{node.name}.{name} has neither a value nor a default")
    return resolved


def _typed(where: str, value: Any, spec: Json) -> Any:
    """Converts to STRING as KFP does and refuses all other mismatches."""
    kind = spec.get("parameterType")
    if kind == "STRING":
        return value if isinstance(value, str) else json.dumps(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE") and number:
        return value
    if kind == "BOOLEAN" and isinstance(value, bool):
        return value
    raise BackendError(f"{where} must be {kind}, got {value!r}")


def resolve_artifacts(node: Node, store: Store) -> Json:
    """Returns the node's input artifacts: one each, their type empty.

    Raises:
      BackendError: a producer has no such output.
    """
    resolved: Json = {}
    for name, source in ((node.task.get("inputs") or {}).get("artifacts") or {}).items():
        output = source["taskOutputArtifact"]
        key = output["producerTask"], output["outputArtifactKey"]
        if key not in store.outputs:
            raise BackendError(f"{node.name}.{name}: task {key[0]} has no output {key[1]}")
        resolved[name] = {"artifacts": [store.outputs[key]]}
    return resolved


def provision_outputs(node: Node, run_root: str, pod_root: Path) -> Json:
    """Returns where outputs go: below a new folder of the pipeline root for each attempt."""
    task_root = f"{run_root}/{node.name}/{uuid.uuid4()}"
    wanted = (node.component.get("outputDefinitions") or {}).get("artifacts") or {}
    artifacts = {
        name: {"artifacts": [_provisioned(name, f"{task_root}/{name}", spec)]}
        for name, spec in wanted.items()
    }
    output_file = Path(to_local(task_root, str(pod_root))) / "output_metadata.json"
    return {"artifacts": artifacts, "outputFile": str(output_file)}


def _provisioned(name: str, uri: str, spec: Json) -> Json:
    artifact = {"name": name, "uri": uri, "type": spec["artifactType"]}
    return {**artifact, "metadata": spec["metadata"]} if "metadata" in spec else artifact


def compile_command(container: Json, executor_input: Json) -> list[str]:
    """Returns the container's command and arguments with placeholders filled in."""
    text = json.dumps(executor_input)
    words = [*container.get("command", []), *container.get("args", [])]
    for name, value in (executor_input["inputs"].get("parameterValues") or {}).items():
        placeholder = "{{$.inputs.parameters['" + name + "']}}"
        filled = value if isinstance(value, str) else json.dumps(value)
        words = [word.replace(placeholder, filled) for word in words]
    return [word.replace("{{$}}", text) for word in words]


def run_node(node: Node, values: Json, store: Store, run_root: str, work: Path) -> float:
    """Runs one node as a pod would; returns its seconds.

    Args:
      node: what runs.
      values: of the pipeline's own parameters.
      store: objects and metadata.
      run_root: URI below which this run's artifacts go.
      work: folder of pods and logs.

    Raises:
      NodeFailedError: its process failed or was killed.
      BackendError: KFP itself would refuse it.
    """
    began = time.monotonic()
    pod_root = work / "pods" / node.name
    shutil.rmtree(pod_root, ignore_errors=True)
    pod_root.mkdir(parents=True)
    inputs = {
        "parameterValues": resolve_parameters(node, values),
        "artifacts": resolve_artifacts(node, store),
    }
    executor_input = {"inputs": inputs, "outputs": provision_outputs(node, run_root, pod_root)}
    for artifacts in inputs["artifacts"].values():
        store.download(artifacts["artifacts"][0]["uri"], pod_root)
    for artifacts in executor_input["outputs"]["artifacts"].values():
        place = Path(to_local(artifacts["artifacts"][0]["uri"], str(pod_root)))
        place.parent.mkdir(parents=True, exist_ok=True)
    _run_process(node, compile_command(node.container, executor_input), pod_root, work / "logs")
    _publish(node, executor_input["outputs"], store, pod_root)
    shutil.rmtree(pod_root)
    return time.monotonic() - began


def _run_process(node: Node, command: list[str], pod_root: Path, logs: Path) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{node.name}.log"
    environment = {
        **os.environ,
        # The image's `python` is this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        POD_ROOT_VARIABLE: str(pod_root),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **{item["name"]: item["value"] for item in node.container.get("env", [])},
    }
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=PROJECT,
            check=False,
        )
    if done.returncode == 0:
        return
    tail = "\n".join(f"  {line}" for line in log.read_text("utf-8").splitlines()[-_TAIL:])
    raise NodeFailedError(
        f"{node.name} {_ending(done.returncode)}; nothing of it was kept.\n{tail}\nWhole log: {log}"
    )


def _ending(status: int) -> str:
    if status >= 0:
        return f"failed with exit status {status}"
    name = signal.Signals(-status).name
    hint = ", as a pod is that exceeds its memory" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def _publish(node: Node, outputs: Json, store: Store, pod_root: Path) -> None:
    """Uploads and records outputs; only a process that ended well gets here."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    file = Path(outputs["outputFile"])
    message = pipeline_spec_pb2.ExecutorOutput()
    if file.exists():
        try:
            json_format.Parse(file.read_text("utf-8"), message)  # Unknown fields are errors.
        except json_format.ParseError as error:
            raise BackendError(
                f"{node.name} wrote an output message KFP refuses: {error}"
            ) from error
    written = json_format.MessageToDict(message).get("artifacts", {})
    for name, artifacts in outputs["artifacts"].items():
        artifact = merge_output(written.get(name), artifacts["artifacts"][0])
        store.upload(artifact["uri"], pod_root)
        store.record(node.name, name, artifact)
