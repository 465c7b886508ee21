"""Runs a compiled specification without a cluster, as Kubeflow Pipelines' driver and launcher do.

Every container's command runs as a local process, with the ExecutorInput that KFP would build and
with copies of its input artifacts alone. Differences from a cluster: no images, no volumes
(folders are this machine's), no cache, no retries, one node at a time.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from pipeline.cluster import lint_graph, parameter_values
from pipeline.cluster.emulator.launcher import NodeFailedError, Run, run_node
from pipeline.cluster.emulator.object_store import BackendError, Store
from pipeline.cluster.executor_input import Json
from pipeline.cluster.lint_view import SpecView, Task, read_view

# Fields of a task that are emulated, or that change nothing on one machine.
_EMULATED = {
    *("cachingOptions", "componentRef", "dependentTasks", "inputs", "retryPolicy", "taskInfo")
}


def load_spec(file: Path) -> Json:
    """Reads the specification of a compiled file, also of a Vertex job.

    Raises:
      BackendError: the file cannot be read, or contains no valid one.
    """
    try:
        view = read_view(file)
    except (OSError, ValueError) as error:
        raise BackendError(str(error)) from error
    broken = next(lint_graph.strict_parse(view), None)
    if broken:
        raise BackendError(f"{file}: {broken}")
    return view.spec


def read_nodes(spec: Json) -> list[Task]:
    """Returns the tasks, each after those that it depends on.

    Raises:
      BackendError: a task has no container or needs what is not emulated, or tasks need each other.
    """
    nodes: list[Task] = []
    waiting = SpecView(spec).tasks()
    while waiting:
        done = {node.name for node in nodes}
        ready = next((task for task in waiting if _upstream(task) <= done), None)
        if not ready:
            names = [task.name for task in waiting]
            raise BackendError(f"tasks wait for each other or for missing ones: {names}")
        _check_emulated(ready)
        waiting.remove(ready)
        nodes.append(ready)
    return nodes


def _check_emulated(node: Task) -> None:
    """Refuses what would run differently here: iterators, conditions, output parameters."""
    strange = sorted(name for name, value in node.task.items() if value and name not in _EMULATED)
    if node.definitions("output", "parameters"):
        strange.append("outputDefinitions.parameters")
    if strange:
        raise BackendError(
            f"{node.name}: {', '.join(strange)} is not emulated: run it on a cluster"
        )
    if not node.container:
        kinds = ", ".join(sorted(node.executor))
        raise BackendError(f"{node.name} is not a container but {kinds}, which is not implemented")


def _upstream(node: Task) -> set[str]:
    """Returns the names of the tasks that a task waits for."""
    sources = node.inputs("artifacts").values()
    producers = {source["taskOutputArtifact"]["producerTask"] for source in sources}
    return producers | set(node.task.get("dependentTasks", []))


def resolved_parameters(spec: Json, given: Json) -> Json:
    """Returns the pipeline's parameters: the given values, else the defaults.

    Raises:
      BackendError: a given one is not a parameter of the pipeline, or of another type.
    """
    if problems := parameter_values.problems(spec, given):
        raise BackendError("\n".join(problems))
    wanted = SpecView(spec).parameters().items()
    return {name: given.get(name, rule.get("defaultValue")) for name, rule in wanted}


def run_pipeline(
    spec: Json, given: Json, work: Path, pipeline_root: str = "", publish_logs: bool = True
) -> Store:
    """Runs all nodes; returns the store with their outputs.

    Args:
      spec: compiled specification.
      given: values in place of the parameters' defaults.
      work: folder of the object store, pods and logs.
      pipeline_root: root in place of the specification's own.
      publish_logs: whether every task has its log as an output, KFP's default.

    Raises:
      NodeFailedError: a node failed; those after it did not run.
      BackendError: KFP would refuse the specification or a value.
    """
    root = (pipeline_root or spec["defaultPipelineRoot"]).partition("?")[0].rstrip("/")
    run = Run(
        resolved_parameters(spec, given),
        Store(work / "store"),
        f"{root}/{spec['pipelineInfo']['name']}/{uuid.uuid4()}",
        work,
        publish_logs,
    )
    nodes = read_nodes(spec)
    for number, node in enumerate(nodes, 1):
        print(f"[{number}/{len(nodes)}] {node.name} ... ", end="", flush=True)
        seconds = run_node(node, run)
        print(f"{seconds:.1f} s", flush=True)
    return run.store


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description="Run a compiled specification without a cluster, as KFP's driver would."
    )
    parser.add_argument("spec", type=Path, help="compiled specification")
    parser.add_argument("--work", type=Path, required=True, help="folder of store, pods and logs")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a runtime parameter; may be repeated",
    )
    parser.add_argument("--pipeline-root", default="", help="root in place of the specification's")
    parser.add_argument(
        "--publish-logs",
        choices=("true", "false"),
        default="true",
        help="KFP's PUBLISH_LOGS: whether a task's log is one of its outputs",
    )
    options = parser.parse_args(arguments)
    try:
        options.parameter = dict(map(parameter_values.assignment, options.parameter))
    except ValueError as error:
        parser.error(f"argument --parameter: {error}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the pipeline; returns 0, or 1 if a node failed or KFP would refuse something."""
    options = parse_arguments(arguments)
    began = time.monotonic()
    try:
        spec = load_spec(options.spec)
        given = parameter_values.with_present_names(spec, options.parameter)
        run_pipeline(
            spec,
            parameter_values.typed(spec, given),
            options.work.absolute(),
            options.pipeline_root,
            options.publish_logs == "true",
        )
    except (NodeFailedError, BackendError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"The pipeline finished in {time.monotonic() - began:.1f} s")
    return 0


def _stop(number: int, _: object) -> None:
    """Ends the driver as an exception does, so that the node that runs ends too."""
    sys.exit(128 + number)


def run_until_stopped() -> int:
    """Runs `main` so that SIGTERM and SIGINT end the node that runs too; returns its status."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell's is ignored
    return main()
