"""A compiled specification as the rules see it, for either target."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Json = dict[str, Any]


class Problem(NamedTuple):
    """One thing that a backend would refuse, or run wrongly.

    Attributes:
      what: what is wrong, with the value.
      fix: how to fix it.
      node: id of the node; empty for the whole pipeline.
    """

    what: str
    fix: str
    node: str = ""

    def __str__(self) -> str:
        """Formats the problem as one line."""
        where = f"{self.node}: " if self.node else ""
        return f"{where}{self.what}: {self.fix}"


class Task(NamedTuple):
    """A task with its component and executor; empty mappings where they are missing."""

    name: str
    task: Json
    component: Json
    executor: Json

    @property
    def container(self) -> Json:
        """The container's specification; empty where the executor is of another kind."""
        return self.executor.get("container") or {}

    def inputs(self, kind: str) -> Json:
        """Returns the sources of the inputs of a kind, `parameters` or `artifacts`."""
        return (self.task.get("inputs") or {}).get(kind) or {}

    def definitions(self, direction: str, kind: str) -> Json:
        """Returns the component's definitions; `direction` is `input` or `output`."""
        return (self.component.get(f"{direction}Definitions") or {}).get(kind) or {}

    def constants(self) -> Iterator[tuple[str, Any]]:
        """Yields the parameters that are fixed at compile time."""
        for name, source in self.inputs("parameters").items():
            if "constant" in (source.get("runtimeValue") or {}):
                yield name, source["runtimeValue"]["constant"]

    def arguments(self) -> dict[str, str]:
        """Returns the container's `--flag value` pairs."""
        args = self.container.get("args") or []
        return {flag: args[at + 1] for at, flag in enumerate(args[:-1]) if flag.startswith("--")}


@dataclasses.dataclass(frozen=True)
class SpecView:
    """A specification with what goes with it.

    Attributes:
      spec: PipelineSpec in JSON form.
      target: `oss` or `vertex`.
      platform: the second document, if any.
      job: Vertex's PipelineJob, of a file for Vertex.
      documents: number of documents in the file.
      size: bytes of the file.
    """

    spec: Json
    target: str = "oss"
    platform: Json | None = None
    job: Json | None = None
    documents: int = 1
    size: int = 0

    def tasks(self) -> list[Task]:
        """Returns the tasks of the root, in the order of their names."""
        components = self.spec.get("components") or {}
        executors = (self.spec.get("deploymentSpec") or {}).get("executors") or {}
        found = []
        for name, task in sorted(self.root_dag().items()):
            component = components.get((task.get("componentRef") or {}).get("name")) or {}
            executor = executors.get(component.get("executorLabel")) or {}
            found.append(Task(name, task, component, executor))
        return found

    def root_dag(self) -> Json:
        """Returns the root's tasks by name."""
        tasks: Json = (((self.spec.get("root") or {}).get("dag")) or {}).get("tasks") or {}
        return tasks

    def parameters(self) -> Json:
        """Returns the definitions of the pipeline's own parameters."""
        root = self.spec.get("root") or {}
        found: Json = (root.get("inputDefinitions") or {}).get("parameters") or {}
        return found

    def platform_of(self, task: Task) -> Json:
        """Returns a task's part of the platform document."""
        found: Json = self.platform_executors().get(task.component.get("executorLabel", "")) or {}
        return found

    def platform_executors(self) -> Json:
        """Returns the platform document's settings by the label of the executor."""
        kubernetes = ((self.platform or {}).get("platforms") or {}).get("kubernetes") or {}
        executors: Json = (kubernetes.get("deploymentSpec") or {}).get("executors") or {}
        return executors


Rule = Callable[[SpecView], Iterator[Problem]]


def for_each_task(rule: Callable[[SpecView, Task], Iterator[Problem]]) -> Rule:
    """Returns a rule for a whole specification, made of one for a task, whose node it names."""

    def check(view: SpecView) -> Iterator[Problem]:
        for task in view.tasks():
            yield from (problem._replace(node=task.name) for problem in rule(view, task))

    return check


def read_view(file: Path) -> SpecView:
    """Reads a compiled specification; the suffix of its name says for which target.

    Raises:
      ValueError: the file is not YAML or JSON with a specification in it.
    """
    text = file.read_text(encoding="utf-8")
    size = len(text.encode())
    try:
        if file.suffix == ".json":
            documents = [json.loads(text)]
        else:
            documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if not all(isinstance(document, dict) for document in documents):
        raise ValueError(
            f"{file} must contain mappings, as `session-retrieval compile` writes them"
        )
    if file.suffix == ".json":
        return _job_view(file, documents[0], size)
    specs = [document for document in documents if "pipelineInfo" in document]
    platforms = [document for document in documents if "platforms" in document]
    if len(specs) != 1:
        raise ValueError(f"{file} must contain one specification, it has {len(specs)}")
    platform = platforms[0] if platforms else None
    return SpecView(specs[0], "oss", platform, documents=len(documents), size=size)


def _job_view(file: Path, job: Json, size: int) -> SpecView:
    spec = job.get("pipelineSpec")
    if not isinstance(spec, dict):
        raise ValueError(f"{file} must contain a PipelineJob: its pipelineSpec is {spec!r}")
    return SpecView(spec, "vertex", job=job, size=size)
