"""Rules of the backends for the graph and its containers.

The SDK loads specifications that a backend refuses, so the backend's own conditions are written out
here. Sources, in kubeflow/pipelines below backend/src: apiserver/template/v2_template.go,
v2/compiler (visitor.go, argocompiler/), v2/driver (resolve.go, container.go).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline.cluster.lint_view import Problem, Rule, SpecView, Task, for_each_task

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
_COMPILE = "compile with `session-retrieval compile`"
_AGAIN = "compile again"


def strict_parse(view: SpecView) -> Iterator[Problem]:
    """Parses the documents as the backend's protos; unknown fields are problems."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    for content, message in (
        (view.spec, pipeline_spec_pb2.PipelineSpec()),
        (view.spec.get("deploymentSpec") or {}, pipeline_spec_pb2.PipelineDeploymentConfig()),
        (view.job or {}, pipeline_spec_pb2.PipelineJob()),
    ):
        try:
            json_format.ParseDict(content, message)
        except json_format.ParseError as error:
            what = f"is not a valid {type(message).__name__}: {error}"
            yield Problem(what, f"{_COMPILE}; do not edit the result")


def header(view: SpecView) -> Iterator[Problem]:
    """Checks schema version, name and size."""
    version = view.spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        what = f"schemaVersion must be {SCHEMA_VERSION}, got {version!r}"
        yield Problem(what, "compile with use_pipeline_spec_2_1=True")
    name = (view.spec.get("pipelineInfo") or {}).get("name") or ""
    if not _PIPELINE_NAME.fullmatch(name):
        what = f"the pipeline's name must be lower case letters, digits and hyphens, got {name!r}"
        yield Problem(what, "set `name` in the preset")
    if not view.root_dag():
        yield Problem("the root has no tasks", _COMPILE)
    if view.size > _LARGEST_FILE:
        what = f"the file has {view.size:,} bytes, more than the {_LARGEST_FILE:,} that Argo takes"
        yield Problem(what, "move large constants into files of the image")


@for_each_task
def graph(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks a task's name, its component and executor, and what it depends on."""
    if not _TASK_NAME.fullmatch(task.name):
        what = "Argo takes letters, digits and hyphens in a node id, at most 63"
        yield Problem(what, "give the node such an id by with_id()")
    if not task.component:
        yield Problem("its component is missing", _AGAIN)
    elif not task.executor:
        yield Problem(f"its executor {task.component.get('executorLabel')!r} is missing", _AGAIN)
    elif not _is_runnable(task, view.target):
        what = f"its executor is a {', '.join(task.executor)}, which KFP does not implement"
        yield Problem(what, "replace the Resolver by a component, as components/previous_run does")
    for name in task.task.get("dependentTasks") or []:
        if name not in view.root_dag():
            yield Problem(f"depends on {name}, which is not a task", _AGAIN)


def _is_runnable(task: Task, target: str) -> bool:
    kinds = {"container", "importer"} | ({"resolver"} if target == "vertex" else set())
    return bool(kinds & set(task.executor))


def cycles(view: SpecView) -> Iterator[Problem]:
    """Checks that no tasks wait for each other."""
    tasks = view.root_dag()
    waiting = {n: set(t.get("dependentTasks") or []) & set(tasks) for n, t in tasks.items()}
    while ready := {name for name, needs in waiting.items() if not needs}:
        waiting = {name: needs - ready for name, needs in waiting.items() if name not in ready}
    if waiting:
        what = f"tasks wait for each other: {', '.join(sorted(waiting))}"
        yield Problem(what, "remove one dependency")


@for_each_task
def artifacts(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that every input artifact has a producer, and every artifact a type KFP can name."""
    tasks = {other.name: other for other in view.tasks()}
    for name, source in task.inputs("artifacts").items():
        output = source.get("taskOutputArtifact") or {}
        producer, key = output.get("producerTask"), output.get("outputArtifactKey")
        if producer not in tasks:
            yield Problem(f"input {name} comes from {producer}, which is not a task", _AGAIN)
        elif "resolver" in tasks[producer].executor:
            continue
        elif key not in tasks[producer].definitions("output", "artifacts"):
            yield Problem(f"input {name}: {producer} has no output {key}", _AGAIN)
    for direction in ("input", "output"):
        for name, definition in task.definitions(direction, "artifacts").items():
            kind = definition.get("artifactType") or {}
            if "title:" not in kind.get("instanceSchema", "") and not kind.get("schemaTitle"):
                what = f"{direction} {name} has no type with a title"
                yield Problem(what, "use a standard TFX artifact type")


def defaults(view: SpecView) -> Iterator[Problem]:
    """Checks that every runtime parameter has a default."""
    for name, definition in view.parameters().items():
        if definition.get("defaultValue") is None:
            fix = "TFX loses defaults in schema 2.1: `runtime_parameters.py` keeps them"
            yield Problem(f"the runtime parameter {name} has no default", fix)


@for_each_task
def parameters(view: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that every parameter of a task gets a value of its type."""
    sources = task.inputs("parameters")
    for name, definition in task.definitions("input", "parameters").items():
        if not definition.get("parameterType"):
            yield Problem(f"parameter {name} has no parameterType", "compile for schema 2.1.0")
        missing = definition.get("defaultValue") is None and not definition.get("isOptional")
        if name not in sources and missing:
            yield Problem(f"parameter {name} has no value", "give it one or a default")
    for name, source in sources.items():
        if "componentInputParameter" in source:
            parent = source["componentInputParameter"]
            if parent not in view.parameters():
                what = f"parameter {name} is {parent}, which the pipeline does not have"
                yield Problem(what, "define it at the root")
        elif "taskOutputParameter" in source:
            producer = source["taskOutputParameter"].get("producerTask")
            if producer not in view.root_dag():
                what = f"parameter {name} comes from {producer}, which is not a task"
                fix = "TFX compiles execution properties from outputs wrongly; pass an artifact"
                yield Problem(what, fix)
    for name, value in task.constants():
        kind = (task.definitions("input", "parameters").get(name) or {}).get("parameterType")
        if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE") and isinstance(value, str):
            yield Problem(f"parameter {name} must be {kind}, got {value!r}", _AGAIN)


@for_each_task
def containers(_: SpecView, task: Task) -> Iterator[Problem]:
    """Checks a container's image, command and arguments."""
    if not task.container:
        return
    if not task.container.get("image"):
        yield Problem("has no image", "set `image` in the deployment file")
    words = [*task.container.get("command", []), *task.container.get("args", [])]
    if any(STOCK_ENTRYPOINT in word for word in words):
        what = "runs TFX's own entrypoint, which fails on the untyped inputs that KFP passes"
        yield Problem(what, f"give {ENTRYPOINT} as default_commands")
    elif not any(word.endswith(ENTRYPOINT) for word in words):
        yield Problem(f"does not run {ENTRYPOINT}", _COMPILE)
    if "lifecycle" in task.container:
        what = "has a preCacheCheck hook, which KFP ignores: spans stay unresolved"
        yield Problem(what, "remove it; the entrypoint runs the driver (--driver_class_path)")
    yield from _words(task, words)


def _words(task: Task, words: list[str]) -> Iterator[Problem]:
    known = task.definitions("input", "parameters")
    for word in [*words, *(str(value) for _, value in task.constants())]:
        if (size := len(word.encode())) > _LONGEST_ARGUMENT:
            what = f"an argument has {size:,} bytes, Linux takes {_LONGEST_ARGUMENT:,}"
            yield Problem(what, "move it into a file of the image")
        for placeholder in _PLACEHOLDER.findall(word):
            parameter = _INPUT_PARAMETER.fullmatch(placeholder)
            if placeholder != "{{$}}" and not (parameter and parameter[1] in known):
                what = f"contains {placeholder!r}, which Argo or KFP would try to fill in"
                yield Problem(what, "write no double braces in values")


@for_each_task
def driver_of_example_gen(_: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that the entrypoint runs the driver of a node which reads files by pattern."""
    reads_files = "input_config" in task.definitions("input", "parameters")
    if reads_files and "--driver_class_path" not in task.arguments():
        yield Problem("its driver is not run: {SPAN} stays unresolved", _COMPILE)


@for_each_task
def message_size(_: SpecView, task: Task) -> Iterator[Problem]:
    """Checks that a node's message fits into one argument of its process."""
    size = len(json.dumps(task.task)) + len(json.dumps(task.component))
    if size > _LONGEST_ARGUMENT:
        what = f"its parameters and types have {size:,} bytes together, Linux takes "
        what += f"{_LONGEST_ARGUMENT:,} in one argument"
        yield Problem(what, "move constants into files of the image")


RULES: tuple[Rule, ...] = (
    *(strict_parse, header, graph, cycles, artifacts, defaults, parameters, containers),
    *(driver_of_example_gen, message_size),
)
