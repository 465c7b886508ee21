"""Repairs of KFP's message."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from pipeline.cluster import executor_input

TYPE = {"instanceSchema": "title: tfx.Examples\n"}
SPEC = {"artifacts": {"examples": {"artifactType": TYPE}}}


def _message(uri: str = "minio://bucket/run/examples", **metadata: object) -> dict:
    artifact = {"name": "7", "uri": uri, "metadata": metadata, "type": {"instanceSchema": ""}}
    output = {"name": "model", "uri": "s3://bucket/run/model", "type": {"schemaTitle": "x.Y"}}
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "parameterValues": {}},
        "outputs": {"artifacts": {"model": {"artifacts": [output]}}, "outputFile": "/tmp/o.json"},
    }


def _input(message: dict) -> dict:
    return message["inputs"]["artifacts"]["examples"]["artifacts"][0]


@pytest.mark.parametrize("empty", [{"instanceSchema": ""}, {}, None])
def test_an_empty_type_is_filled_from_the_specification(empty: dict | None) -> None:
    message = _message()
    _input(message)["type"] = empty
    before = copy.deepcopy(message)
    assert _input(executor_input.fill_types(message, SPEC))["type"] == TYPE
    assert message == before


def test_a_type_that_is_there_stays() -> None:
    message = _message()
    _input(message)["type"] = {"schemaTitle": "tfx.Model"}
    assert _input(executor_input.fill_types(message, SPEC))["type"] == {"schemaTitle": "tfx.Model"}


@pytest.mark.parametrize("inputs", [None, {}, {"parameterValues": {"n": 1}}])
def test_a_message_without_artifacts_passes_through_all_repairs(inputs: dict | None) -> None:
    message: dict = {"outputs": {"outputFile": "/tmp/o.json"}}
    message.update({} if inputs is None else {"inputs": inputs})
    assert executor_input.fill_types(message, {}) == message
    assert executor_input.drop_absent(message) == message
    for own in (None, [], ["model"]):
        assert executor_input.keep_own_outputs(message, own) == message
    assert executor_input.map_uris(message, "/") == message
    assert executor_input.output_uris(message) == []
    executor_input.check_copies(message, message)


# What drivers and launchers of KFP add, or might: by name, type and form.
LOGS = {"name": "executor-logs", "uri": "s3://bucket/run/executor-logs-0"}
ADDED = [
    ("executor-logs", {"artifacts": [{**LOGS, "type": {"schemaTitle": "system.Artifact"}}]}),
    (
        "metrics",
        {"artifacts": [{"uri": "s3://b/m", "type": {"instanceSchema": "title: system.Metrics\n"}}]},
    ),
]
UNTYPED = [("executor-logs", {"artifacts": [LOGS]}), ("later", {}), ("none", {"artifacts": []})]


@pytest.mark.parametrize(("name", "added"), [*ADDED, *UNTYPED])
def test_outputs_that_the_component_does_not_declare_are_dropped(name: str, added: dict) -> None:
    message = _message()
    message["outputs"]["artifacts"][name] = added
    before = copy.deepcopy(message)
    assert executor_input.keep_own_outputs(message, ["model"]) == _message()
    assert message == before
    message["outputs"]["artifacts"].pop("model")
    alone = executor_input.keep_own_outputs(message, [])
    assert executor_input.output_uris(alone) == []


@pytest.mark.parametrize(("name", "added"), ADDED)
def test_a_specification_that_names_no_outputs_keeps_those_of_tfx(name: str, added: dict) -> None:
    message = _message()
    message["outputs"]["artifacts"][name] = added
    assert executor_input.keep_own_outputs(message, None) == _message()


def test_output_parameters_that_the_component_does_not_declare_are_dropped() -> None:
    message = _message()
    files = {name: {"outputFile": f"/tmp/kfp/outputs/{name}"} for name in ("own", "added")}
    message["outputs"]["parameters"] = files
    kept = executor_input.keep_own_outputs(message, ["model", "own"])
    assert kept["outputs"]["parameters"] == {"own": files["own"]}
    assert kept["outputs"]["artifacts"] == message["outputs"]["artifacts"]


@pytest.mark.parametrize(("found", "kept"), [(0, False), (0.0, False), (1.0, True), (None, True)])
def test_an_input_that_stands_for_none_is_left_out(found: float | None, kept: bool) -> None:
    message = _message(**({} if found is None else {"found": found}))
    assert ("examples" in executor_input.drop_absent(message)["inputs"]["artifacts"]) is kept


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://b/k/1", "/pod/minio/b/k/1"),
        ("s3://b/k", "/pod/s3/b/k"),
        ("gs://b/k", "gs://b/k"),
        ("/mnt/x", "/mnt/x"),
        ("", ""),
    ],
)
def test_uris_become_paths_and_paths_become_uris(uri: str, path: str) -> None:
    assert executor_input.to_local(uri, "/pod") == path
    assert executor_input.to_remote(path, "/pod") == uri


def test_the_launchers_own_folders_are_at_the_root() -> None:
    assert executor_input.to_local("minio://b/k", "/") == "/minio/b/k"
    assert executor_input.to_remote("/s3/b/k", "/") == "s3://b/k"
    assert executor_input.to_remote("/s3-backup/b/k", "/") == "/s3-backup/b/k"


def test_inputs_and_outputs_are_mapped_and_the_rest_is_not() -> None:
    mapped = executor_input.map_uris(_message(), "/")
    assert _input(mapped)["uri"] == "/minio/bucket/run/examples"
    assert executor_input.output_uris(mapped) == ["/s3/bucket/run/model"]
    assert mapped["outputs"]["outputFile"] == "/tmp/o.json"


def test_a_missing_copy_is_named_with_the_way_out(tmp_path: Path) -> None:
    message = _message()
    local = executor_input.map_uris(message, str(tmp_path))
    with pytest.raises(executor_input.MissingInputError) as error:
        executor_input.check_copies(local, message)
    for word in ("'examples'", "minio://bucket/run/examples", str(tmp_path), "life-cycle"):
        assert word in str(error.value)
    Path(_input(local)["uri"]).mkdir(parents=True)
    executor_input.check_copies(local, message)


def test_an_artifact_that_tfx_opens_itself_needs_no_copy() -> None:
    message = _message("gs://bucket/run/examples")
    executor_input.check_copies(executor_input.map_uris(message, "/"), message)


def test_strings_are_changed_at_any_depth_and_keys_are_not() -> None:
    value = {"/s3/a": ["/s3/b", {"c": "/s3/d"}, 1, None, True]}
    changed = executor_input.map_strings(value, lambda text: executor_input.to_remote(text, "/"))
    assert changed == {"/s3/a": ["s3://b", {"c": "s3://d"}, 1, None, True]}
