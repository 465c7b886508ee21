"""Rules of the backends for the graph and its containers.

The SDK loads specifications that a backend refuses, so the backend's own conditions are written out
here. Sources, in kubeflow/pipelines below backend/src: apiserver/template/v2_template.go,
v2/compiler (visitor.go, argocompiler/), v2/driver (resolve.go, container.go).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.cluster.lint_view import Problem, SpecView, Task

SCHEMA_VERSION = "2.1.0"
STOCK_ENTRYPOINT = "kubeflow_v2_run_executor"
ENTRYPOINT = "kubeflow/entrypoint.py"
_PIPELINE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_TASK_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,62}")
# Linux's MAX_ARG_STRLEN: the launcher passes the message and the component as one argument each.
_LONGEST_ARGUMENT = 128 * 1024
# Argo keeps a workflow in etcd, whose values end at 1.5 MB.
_LARGEST_FILE = 1_000_000
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_INPUT_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}")

Rule = Callable[[SpecView], Iterator[Problem]]


def strict_parse(view: SpecView) -> Iterator[Problem]:
    """Parses the documents as the protos that the backend has, unknown fields refused."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    fix = "compile with `session-retrieval compile`; do not edit the result"
    for content, message in (
        (view.spec, pipeline_spec_pb2.PipelineSpec()),
        (view.spec.get("deploymentSpec") or {}, pipeline_spec_pb2.PipelineDeploymentConfig()),
        (view.job or {}, pipeline_spec_pb2.PipelineJob()),
    ):
        try:
            json_format.ParseDict(content, message)
        except json_format.ParseError as error:
            yield Problem("", f"is no {type(message).__name__}: {error}", fix)


def header(view: SpecView) -> Iterator[Problem]:
    """Checks schema version, name and size."""
    version = view.spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield Problem(
            "",
            f"schemaVersion must be {SCHEMA_VERSION}, got {version!r}",
            "compile with use_pipeline_spec_2_1=True",
        )
    name = (view.spec.get("pipelineInfo") or {}).get("name") or ""
    if not _PIPELINE_NAME.fullmatch(name):
        yield Problem(
            "",
            f"the pipeline's name must be lower case letters, digits and hyphens, got {name!r}",
            "set `name` in the preset",
        )
    if not view.root_dag():
        yield Problem("", "the root has no tasks", "compile with `session-retrieval compile`")
    if view.size > _LARGEST_FILE:
        yield Problem(
            "",
            f"the file has {view.size:,} bytes, more than the {_LARGEST_FILE:,} that Argo can keep",
            "move large constants into files of the image",
        )


def graph(view: SpecView) -> Iterator[Problem]:
    """Checks names of tasks, their components and executors, and what they depend on."""
    tasks = {task.name: task for task in view.tasks()}
    for task in tasks.values():
        if not _TASK_NAME.fullmatch(task.name):
            yield Problem(
                task.name,
                "Argo takes letters, digits and hyphens in a node id, at most 63",
                "give the node such an id by with_id()",
            )
        if not task.component:
            yield Problem(task.name, "its component is missing", "compile again")
        elif not task.executor:
            label = task.component.get("executorLabel")
            yield Problem(task.name, f"its executor {label!r} is missing", "compile again")
        elif not {"container", "importer"} & set(task.executor):
            if "resolver" in task.executor and view.target == "vertex":
                continue
            yield Problem(
                task.name,
                f"its executor is a {', '.join(task.executor)}, which KFP does not implement",
                "replace the Resolver by a component, as components/previous_run has them",
            )
        for name in task.task.get("dependentTasks") or []:
            if name not in tasks:
                yield Problem(task.name, f"waits for {name}, which is no task", "compile again")
    yield from _cycles(tasks)


def _cycles(tasks: dict[str, Task]) -> Iterator[Problem]:
    waiting = {n: set(t.task.get("dependentTasks") or []) & set(tasks) for n, t in tasks.items()}
    while ready := {name for name, needs in waiting.items() if not needs}:
        waiting = {name: needs - ready for name, needs in waiting.items() if name not in ready}
    if waiting:
        yield Problem(
            "", f"tasks wait for each other: {', '.join(sorted(waiting))}", "remove one dependency"
        )


def artifacts(view: SpecView) -> Iterator[Problem]:
    """Checks that every input artifact has a producer, and every one a type that KFP can name."""
    tasks = {task.name: task for task in view.tasks()}
    for task in tasks.values():
        for name, source in task.inputs("artifacts").items():
            output = source.get("taskOutputArtifact") or {}
            producer, key = output.get("producerTask"), output.get("outputArtifactKey")
            if producer not in tasks:
                yield Problem(
                    task.name, f"input {name} comes from {producer}, no task", "compile again"
                )
            elif "resolver" not in tasks[producer].executor and key not in tasks[
                producer
            ].definitions("output", "artifacts"):
                yield Problem(
                    task.name, f"input {name}: {producer} has no output {key}", "compile again"
                )
        for direction in ("input", "output"):
            for name, definition in task.definitions(direction, "artifacts").items():
                kind = definition.get("artifactType") or {}
                if "title:" not in kind.get("instanceSchema", "") and not kind.get("schemaTitle"):
                    yield Problem(
                        task.name,
                        f"{direction} {name} has no type with a title",
                        "use a standard TFX artifact type",
                    )


def parameters(view: SpecView) -> Iterator[Problem]:
    """Checks that every parameter gets a value of its type."""
    own = view.parameters()
    for name, definition in own.items():
        if definition.get("defaultValue") is None:
            yield Problem(
                "",
                f"the runtime parameter {name} has no default",
                "TFX loses defaults in schema 2.1: `runtime_parameters.py` keeps them",
            )
    for task in view.tasks():
        yield from _task_parameters(task, own, view)


def _task_parameters(task: Task, own: dict[str, Any], view: SpecView) -> Iterator[Problem]:
    sources = task.inputs("parameters")
    for name, definition in task.definitions("input", "parameters").items():
        kind = definition.get("parameterType")
        if not kind:
            yield Problem(
                task.name, f"parameter {name} has no parameterType", "compile for schema 2.1.0"
            )
        missing = definition.get("defaultValue") is None and not definition.get("isOptional")
        if name not in sources and missing:
            yield Problem(task.name, f"parameter {name} has no value", "give it one or a default")
    for name, source in sources.items():
        if "componentInputParameter" in source:
            parent = source["componentInputParameter"]
            if parent not in own:
                yield Problem(
                    task.name,
                    f"parameter {name} is {parent}, which the pipeline has not",
                    "define it at the root",
                )
        elif "taskOutputParameter" in source:
            producer = source["taskOutputParameter"].get("producerTask")
            if producer not in view.root_dag():
                yield Problem(
                    task.name,
                    f"parameter {name} comes from {producer}, which is no task",
                    "TFX compiles execution properties from outputs wrongly; pass an artifact",
                )
    for name, value in task.constants():
        kind = (task.definitions("input", "parameters").get(name) or {}).get("parameterType")
        if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE") and isinstance(value, str):
            yield Problem(
                task.name, f"parameter {name} must be {kind}, got {value!r}", "compile again"
            )


def containers(view: SpecView) -> Iterator[Problem]:
    """Checks images, commands and arguments."""
    for task in view.tasks():
        if not task.container:
            continue
        if not task.container.get("image"):
            yield Problem(task.name, "has no image", "set `image` in the deployment file")
        words = [*task.container.get("command", []), *task.container.get("args", [])]
        if any(STOCK_ENTRYPOINT in word for word in words):
            yield Problem(
                task.name,
                "runs TFX's own entrypoint, which dies on the untyped inputs that KFP hands over",
                f"give {ENTRYPOINT} as default_commands",
            )
        elif not any(word.endswith(ENTRYPOINT) for word in words):
            yield Problem(
                task.name, f"does not run {ENTRYPOINT}", "compile with `session-retrieval compile`"
            )
        if "lifecycle" in task.container:
            yield Problem(
                task.name,
                "has a preCacheCheck hook, which KFP ignores: spans stay unresolved",
                "remove it; the entrypoint runs the driver (--driver_class_path)",
            )
        yield from _words(task, words)


def _words(task: Task, words: list[str]) -> Iterator[Problem]:
    known = task.definitions("input", "parameters")
    for word in [*words, *(str(value) for _, value in task.constants())]:
        if len(word.encode()) > _LONGEST_ARGUMENT:
            yield Problem(
                task.name,
                f"an argument has {len(word.encode()):,} bytes, Linux takes {_LONGEST_ARGUMENT:,}",
                "move it into a file of the image",
            )
        for placeholder in _PLACEHOLDER.findall(word):
            parameter = _INPUT_PARAMETER.fullmatch(placeholder)
            if placeholder == "{{$}}" or (parameter and parameter[1] in known):
                continue
            yield Problem(
                task.name,
                f"holds {placeholder!r}, which Argo or KFP would try to fill in",
                "write no double braces in values",
            )


def driver_of_example_gen(view: SpecView) -> Iterator[Problem]:
    """Checks that a node which reads files by pattern has its driver run by the entrypoint."""
    for task in view.tasks():
        reads_files = "input_config" in task.definitions("input", "parameters")
        if reads_files and "--driver_class_path" not in task.arguments():
            yield Problem(
                task.name,
                "nobody runs its driver: {SPAN} stays unresolved",
                "compile with `session-retrieval compile`",
            )


def message_size(view: SpecView) -> Iterator[Problem]:
    """Checks that a node's message fits into one argument of its process."""
    for task in view.tasks():
        size = len(json.dumps(task.task)) + len(json.dumps(task.component))
        if size > _LONGEST_ARGUMENT:
            yield Problem(
                task.name,
                f"its parameters and types have {size:,} bytes together, Linux takes "
                f"{_LONGEST_ARGUMENT:,} in one argument",
                "move constants into files of the image",
            )


RULES: tuple[Rule, ...] = (
    strict_parse,
    header,
    graph,
    artifacts,
    parameters,
    containers,
    driver_of_example_gen,
    message_size,
)
