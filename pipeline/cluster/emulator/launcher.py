"""One node of the local driver: its process, its log and its outputs, as KFP's launcher has them.

Source: backend/src/v2/component/launcher_v2.go of KFP 2.17 (`executeV2`, `execute`,
`prepareOutputFolders`, `getLogWriter`, `uploadOutputArtifacts`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import filecmp
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from modules.messages.exit_status import describe_exit
from pipeline.cluster.emulator.executor_message import (
    LOGS,
    artifacts_of,
    as_protojson,
    compile_command,
    local_path,
    provision_outputs,
    resolve_artifacts,
    resolve_parameters,
)
from pipeline.cluster.emulator.object_store import BackendError, Store, merge_output
from pipeline.cluster.executor_input import Json
from pipeline.cluster.lint_view import Task
from pipeline.paths import PROJECT

POD_ROOT_VARIABLE = "SESSION_RETRIEVAL_POD_ROOT"
_TAIL = 25
_CHUNK = 1 << 16


class NodeFailedError(Exception):
    """Says which node failed, how, and the last lines of its log."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What all nodes of a run share.

    Attributes:
      values: values of the pipeline's own parameters.
      store: objects and metadata.
      root: URI below which this run's artifacts go.
      work: folder of pods and logs.
      publish_logs: the server's PUBLISH_LOGS, on in KFP's manifests.
    """

    values: Json
    store: Store
    root: str
    work: Path
    publish_logs: bool = True


def run_node(node: Task, run: Run) -> float:
    """Runs one node as a pod would; returns its wall time in seconds.

    Raises:
      NodeFailedError: its process failed or was killed.
      BackendError: KFP itself would refuse it, or would lose the node's log.
    """
    began = time.monotonic()
    pod_root = run.work / "pods" / node.name
    shutil.rmtree(pod_root, ignore_errors=True)
    pod_root.mkdir(parents=True)
    message = make_message(node, run, pod_root)
    for _, artifact in artifacts_of(message["inputs"]):
        run.store.download(artifact["uri"], pod_root)
    outputs = dict(artifacts_of(message["outputs"]))
    for artifact in outputs.values():
        local_path(artifact["uri"], pod_root).parent.mkdir(parents=True, exist_ok=True)
    log = outputs.pop(LOGS, None)
    try:
        _run_process(node, compile_command(node.container, message), pod_root, run, log)
        _publish(node, outputs, message["outputs"]["outputFile"], run.store, pod_root)
    finally:
        if log:  # A node that failed keeps its log too.
            run.store.upload(log["uri"], pod_root)
            run.store.record(node.name, LOGS, log)
    shutil.rmtree(pod_root)
    return time.monotonic() - began


def make_message(node: Task, run: Run, pod_root: Path) -> Json:
    """Returns the node's ExecutorInput.

    Raises:
      BackendError: KFP's driver would refuse the node.
    """
    inputs = {
        "parameterValues": resolve_parameters(node, run.values),
        "artifacts": resolve_artifacts(node, run.store),
    }
    outputs = provision_outputs(node, run.root, pod_root, run.publish_logs)
    return as_protojson({"inputs": inputs, "outputs": outputs})


def _run_process(
    node: Task, command: list[str], pod_root: Path, run: Run, log: Json | None
) -> None:
    kept = run.work / "logs" / f"{node.name}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    published = local_path(log["uri"], pod_root) if log else None
    environment = {
        **os.environ,
        # The image's `python` is this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        POD_ROOT_VARIABLE: str(pod_root),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **{item["name"]: item["value"] for item in node.container.get("env", [])},
    }
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(file.open("wb")) for file in (kept, published) if file]
        status = _stream(command, environment, writers)
    lost = _log_loss(kept, published)
    if status:
        lines = kept.read_text("utf-8", "replace").splitlines()[-_TAIL:]
        tail = "\n".join(f"  {line}" for line in lines)
        ending = f"{node.name} {describe_exit(status)}; only its log was kept"
        raise NodeFailedError(f"{ending}.{lost}\n{tail}\nWhole log: {kept}")
    if lost:
        raise BackendError(f"{node.name} succeeded.{lost}")


def _stream(command: list[str], environment: dict[str, str], writers: Sequence[IO[bytes]]) -> int:
    """Runs a process and writes its output to all writers while it runs; returns its status."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=PROJECT,
    ) as process:
        assert process.stdout is not None
        try:
            while chunk := os.read(process.stdout.fileno(), _CHUNK):
                for writer in writers:
                    writer.write(chunk)
                    writer.flush()
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _log_loss(kept: Path, published: Path | None) -> str:
    """Says how the log that the launcher would upload differs from what the node printed, if so."""
    if published is None:
        return ""
    if not published.exists():
        what = "was removed"
    elif not filecmp.cmp(kept, published, shallow=False):
        what = "was changed"
    else:
        return ""
    return (
        f" {published}, which the launcher holds open as the node's log, {what}: KFP's interface "
        "would show no log of this node, or a wrong one"
    )


def _publish(node: Task, outputs: Json, file: str, store: Store, pod_root: Path) -> None:
    """Uploads and records the outputs of a node that succeeded."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    message = pipeline_spec_pb2.ExecutorOutput()
    if Path(file).exists():
        try:  # Unknown fields are errors.
            json_format.Parse(Path(file).read_text("utf-8"), message)
        except json_format.ParseError as error:
            what = f"{node.name} wrote an output message that KFP refuses: {error}"
            raise BackendError(what) from error
    written = json_format.MessageToDict(message).get("artifacts", {})
    for name, provisioned in outputs.items():
        artifact = merge_output(written.get(name), provisioned)
        store.upload(artifact["uri"], pod_root)
        store.record(node.name, name, artifact)
