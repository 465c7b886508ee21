"""The ExecutorInput of one node of the local driver, field by field as KFP 2.17 builds it.

Sources, below backend/src/v2: driver/resolve.go (`resolveInputs`), driver/driver.go
(`provisionOutputs`), metadata/client.go (`GenerateOutputURI`), component/launcher_v2.go
(`addDefaultParams`, `qualifyExecutorLogsURI`, `compileCmdAndArgs`).
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from pipeline.cluster.emulator.object_store import BackendError, Store
from pipeline.cluster.executor_input import Json, to_local
from pipeline.cluster.lint_view import Task

# Output that the driver adds to every task where the server's PUBLISH_LOGS is "true", as in KFP's
# manifests; the launcher appends the number of the attempt to its URI.
LOGS = "executor-logs"
_LOGS_TYPE = {"schemaTitle": "system.Artifact"}
_FIRST_ATTEMPT = "-0"
_KINDS = {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}


def local_path(uri: str, pod_root: Path) -> Path:
    """Returns where the launcher keeps an artifact's copy in a pod (`LocalPathForURI`)."""
    if uri.startswith("gs://"):
        return pod_root / "gcs" / uri.removeprefix("gs://")
    return Path(to_local(uri, str(pod_root)))


def resolve_parameters(node: Task, values: Json) -> Json:
    """Returns the node's parameters, checked against their types, with the component's defaults.

    Args:
      node: the task.
      values: values of the pipeline's own parameters.

    Raises:
      BackendError: KFP's driver would refuse a parameter.
    """
    wanted = node.definitions("input", "parameters")
    resolved: Json = {}
    for name, source in node.inputs("parameters").items():
        value = _source_value(f"{node.name}.{name}", source, values)
        if value is not None:
            resolved[name] = value
        elif not (wanted.get(name) or {}).get("isOptional"):
            parent = source["componentInputParameter"]
            raise BackendError(f"{node.name}.{name}: the pipeline's parameter {parent} is unset")
    for name, spec in wanted.items():
        if name in resolved:
            resolved[name] = _typed(f"{node.name}.{name}", resolved[name], spec)
        elif spec.get("defaultValue") is not None:
            resolved[name] = spec["defaultValue"]
        elif not spec.get("isOptional"):
            raise BackendError(f"{node.name}.{name} has neither a value nor a default")
    return resolved


def _source_value(where: str, source: Json, values: Json) -> Any:
    if "componentInputParameter" in source:
        return values.get(source["componentInputParameter"])
    if "constant" in (source.get("runtimeValue") or {}):
        return source["runtimeValue"]["constant"]
    raise BackendError(f"{where}: a source of kind {sorted(source)} is not emulated")


def _typed(where: str, value: Any, spec: Json) -> Any:
    """Converts to STRING as KFP does; refuses all other mismatches."""
    kind = spec.get("parameterType")
    if kind == "STRING":
        return as_text(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE") and number:
        return value
    if kind in _KINDS and isinstance(value, _KINDS[kind]):
        return value
    raise BackendError(f"{where} must be {kind}, got {value!r}")


def as_text(value: Any) -> str:
    """Returns a parameter as text; a whole number has no decimal point."""
    return value if isinstance(value, str) else json.dumps(_whole_numbers(value))


def _whole_numbers(value: Any) -> Any:
    """Returns a JSON value as Go writes it: every number is a double, 3.0 is written as 3."""
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return int(float(value)) if float(value).is_integer() else float(value)


def resolve_artifacts(node: Task, store: Store) -> Json:
    """Returns the node's input artifacts: one each, their type empty.

    Raises:
      BackendError: a producer has no such output.
    """
    resolved: Json = {}
    for name, source in node.inputs("artifacts").items():
        output = source["taskOutputArtifact"]
        key = output["producerTask"], output["outputArtifactKey"]
        if key not in store.outputs:
            raise BackendError(f"{node.name}.{name}: task {key[0]} has no output {key[1]}")
        resolved[name] = {"artifacts": [store.outputs[key]]}
    return resolved


def provision_outputs(node: Task, run_root: str, pod_root: Path, publish_logs: bool) -> Json:
    """Returns where outputs go: below a new folder of the pipeline root for each attempt."""
    task_root = f"{run_root}/{node.name}/{uuid.uuid4()}"
    artifacts = {}
    for name, spec in node.definitions("output", "artifacts").items():
        artifact = {"name": name, "uri": f"{task_root}/{name}", "type": spec["artifactType"]}
        given = {"metadata": spec["metadata"]} if "metadata" in spec else {}
        artifacts[name] = {"artifacts": [{**artifact, **given}]}
    if publish_logs:
        log = {"name": LOGS, "uri": f"{task_root}/{LOGS}{_FIRST_ATTEMPT}", "type": _LOGS_TYPE}
        artifacts[LOGS] = {"artifacts": [log]}
    output_file = local_path(task_root, pod_root) / "output_metadata.json"
    return {"artifacts": artifacts, "outputFile": str(output_file)}


def as_protojson(executor_input: Json) -> Json:
    """Returns the message as the launcher writes it: empty fields are left out.

    Raises:
      google.protobuf.json_format.ParseError: it is not a valid ExecutorInput.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    message = json_format.ParseDict(executor_input, pipeline_spec_pb2.ExecutorInput())
    written: Json = _whole_numbers(json_format.MessageToDict(message))
    return written


def artifacts_of(part: Json) -> list[tuple[str, Json]]:
    """Returns names and artifacts of the inputs or the outputs; there may be none."""
    return [(name, each["artifacts"][0]) for name, each in part.get("artifacts", {}).items()]


def compile_command(container: Json, executor_input: Json) -> list[str]:
    """Returns the container's command and arguments with placeholders filled in."""
    filled = {"{{$}}": json.dumps(executor_input)}
    for name, value in executor_input["inputs"].get("parameterValues", {}).items():
        filled["{{$.inputs.parameters['" + name + "']}}"] = as_text(value)
    words = [*container.get("command", []), *container.get("args", [])]
    for placeholder, text in filled.items():
        words = [word.replace(placeholder, text) for word in words]
    return words
