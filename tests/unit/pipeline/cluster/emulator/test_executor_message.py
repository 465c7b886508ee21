"""The message of a node is what KFP's driver builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cluster.emulator import executor_message
from pipeline.cluster.emulator.executor_message import LOGS
from pipeline.cluster.emulator.object_store import (
    BackendError,
)
from pipeline.cluster.lint_view import Task


def _node(source: dict[str, Any], **definition: Any) -> Task:
    return Task(
        "Gen",
        {"inputs": {"parameters": {"n": source}}},
        {"inputDefinitions": {"parameters": {"n": definition}}},
        {},
    )


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (3.0, "3"), (0.5, "0.5"), (True, "true"), ("3.0", "3.0")]
)
def test_a_value_for_a_text_parameter_becomes_text(value: Any, text: str) -> None:
    node = _node({"runtimeValue": {"constant": value}}, parameterType="STRING")
    assert executor_message.resolve_parameters(node, {}) == {"n": text}


def test_a_parameter_that_is_unset_is_left_out_defaulted_or_refused() -> None:
    source = {"componentInputParameter": "given"}
    optional = _node(source, parameterType="STRING", isOptional=True)
    assert executor_message.resolve_parameters(optional, {}) == {}
    default = _node(source, parameterType="STRING", isOptional=True, defaultValue="a")
    assert executor_message.resolve_parameters(default, {"given": None}) == {"n": "a"}
    with pytest.raises(BackendError, match=r"Gen\.n: the pipeline's parameter given is unset"):
        executor_message.resolve_parameters(_node(source, parameterType="STRING"), {})


def test_numbers_travel_as_doubles_and_whole_ones_without_a_point() -> None:
    sent = {"whole": 3.0, "large": 2**53 + 1, "part": 0.25, "yes": True, "list": [1.0, "1.0"]}
    message = {"inputs": {"parameterValues": sent}, "outputs": {"outputFile": "/tmp/o.json"}}
    written = json.dumps(executor_message.as_protojson(message), sort_keys=True)
    assert '"large": 9007199254740992, "list": [1, "1.0"], "part": 0.25' in written
    assert '"whole": 3, "yes": true' in written


@pytest.mark.parametrize(
    ("root", "folder"),
    [("minio://b/r", "minio/b/r"), ("s3://b/r", "s3/b/r"), ("gs://b/r", "gcs/b/r")],
)
def test_the_launchers_folders_hold_logs_and_messages_of_every_kind_of_root(
    tmp_path: Path, root: str, folder: str
) -> None:
    node = Task("Gen", {}, {}, {})
    outputs = executor_message.provision_outputs(node, root, tmp_path, True)
    ((name, log),) = executor_message.artifacts_of(outputs)
    assert name == LOGS
    task = executor_message.local_path(log["uri"], tmp_path).parent
    assert task.parent == tmp_path / folder / "Gen"
    assert outputs["outputFile"] == str(task / "output_metadata.json")
