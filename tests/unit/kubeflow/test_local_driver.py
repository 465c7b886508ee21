"""The local driver behaves as KFP's driver and launcher do, with shell commands as nodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import local_driver
import local_pod
from local_pod import NodeFailedError
from local_store import BackendError, Store, merge_output, metadata_after_a_round_trip

TYPE = {"artifactType": {"instanceSchema": "title: tfx.Examples\n"}}
# Writes one file and its output message, as the entrypoint does.
WRITE = """
import json, os, sys
message = json.loads(sys.argv[1])
artifact = message["outputs"]["artifacts"]["examples"]["artifacts"][0]
path = artifact["uri"].replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
os.makedirs(path)
open(path + "/data", "w").write("kept")
output = {"artifacts": {"examples": {"artifacts": [{"uri": artifact["uri"], "metadata": EXTRA}]}}}
os.makedirs(os.path.dirname(message["outputs"]["outputFile"]), exist_ok=True)
open(message["outputs"]["outputFile"], "w").write(json.dumps(output))
"""
READ = """
import json, os, sys
message = json.loads(sys.argv[1])
open(sys.argv[2], "w").write(sys.argv[1])
uri = message["inputs"]["artifacts"]["examples"]["artifacts"][0]["uri"]
path = uri.replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
assert open(path + "/data").read() == "kept"
"""


def _spec(
    write: str = WRITE, read: str = READ, seen: str = "", extra: str = "{'rows': 3}"
) -> dict[str, Any]:
    def container(code: str, *more: str) -> dict:
        return {"container": {"command": ["python", "-c", code], "args": ["{{$}}", *more]}}

    source = {"taskOutputArtifact": {"producerTask": "Gen", "outputArtifactKey": "examples"}}
    return {
        "pipelineInfo": {"name": "sample"},
        "defaultPipelineRoot": "minio://bucket/root",
        "components": {
            "Gen": {
                "executorLabel": "Gen",
                "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}},
                "outputDefinitions": {"artifacts": {"examples": TYPE}},
            },
            "Use": {
                "executorLabel": "Use",
                "inputDefinitions": {"artifacts": {"examples": TYPE}},
            },
        },
        "deploymentSpec": {
            "executors": {
                "Gen": container(write.replace("EXTRA", extra)),
                "Use": container(read, seen),
            }
        },
        "root": {
            "inputDefinitions": {
                "parameters": {"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0}}
            },
            "dag": {
                "tasks": {
                    # Named so that the order of names is not that of the graph.
                    "A-user": {
                        "componentRef": {"name": "Use"},
                        "inputs": {"artifacts": {"examples": source}},
                    },
                    "Gen": {
                        "componentRef": {"name": "Gen"},
                        "inputs": {"parameters": {"n": {"componentInputParameter": "n"}}},
                    },
                }
            },
        },
    }


def _run(spec: dict, work: Path, **given: Any) -> Store:
    return local_driver.run_pipeline(spec, given, work)


def test_an_input_is_what_kfp_hands_over(tmp_path: Path) -> None:
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    message = json.loads((tmp_path / "seen.json").read_text("utf-8"))
    artifact = message["inputs"]["artifacts"]["examples"]["artifacts"][0]
    assert artifact["type"] == {"instanceSchema": ""}
    assert artifact["name"] == "1"
    assert artifact["uri"].startswith("minio://bucket/root/sample/")
    assert artifact["uri"].endswith("/examples") and "/Gen/" in artifact["uri"]
    assert artifact["metadata"]["rows"] == 3.0
    assert artifact["metadata"]["display_name"] == "examples"


def test_a_pod_sees_only_its_own_inputs(tmp_path: Path) -> None:
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []
    stored = [file for file in (tmp_path / "work" / "store" / "minio").rglob("*") if file.is_file()]
    assert [file.name for file in stored] == ["data"]


def test_ids_go_on_over_runs(tmp_path: Path) -> None:
    spec = _spec(seen=str(tmp_path / "seen.json"))
    first, second = _run(spec, tmp_path / "work"), _run(spec, tmp_path / "work")
    assert first.outputs["Gen", "examples"]["name"] == "1"
    assert second.outputs["Gen", "examples"]["name"] == "2"
    assert first.outputs["Gen", "examples"]["uri"] != second.outputs["Gen", "examples"]["uri"]


def test_a_failing_node_is_named_with_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    write = WRITE + "\nsys.exit('the disk is full')"
    with pytest.raises(NodeFailedError) as error:
        _run(_spec(write), tmp_path)
    for word in ("Gen failed with exit status 1", "the disk is full", "Gen.log"):
        assert word in str(error.value)
    assert not (tmp_path / "store" / "minio").exists()
    assert not (tmp_path / "logs" / "A-user.log").exists()


def test_a_killed_node_is_told_from_a_failing_one(tmp_path: Path) -> None:
    write = WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(
        NodeFailedError, match="Gen was killed by SIGKILL, as a pod is that exceeds"
    ):
        _run(_spec(write), tmp_path)
    assert not (tmp_path / "store" / "minio").exists()


def test_what_a_killed_attempt_left_in_its_pod_is_gone_in_the_next(tmp_path: Path) -> None:
    with pytest.raises(NodeFailedError):
        _run(_spec(WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"), tmp_path / "work")
    assert any((tmp_path / "work" / "pods" / "Gen").rglob("data"))
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []


def test_an_output_message_with_unknown_fields_is_refused(tmp_path: Path) -> None:
    write = WRITE.replace("output = {", 'output = {"surprise": 1, ')
    with pytest.raises(BackendError, match="Gen wrote an output message KFP refuses"):
        _run(_spec(write), tmp_path)


def test_null_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="'rows' is null"):
        _run(_spec(extra="{'rows': None}"), tmp_path)


def test_metadata_come_back_as_kfp_stores_them() -> None:
    before = {"text": "a", "number": 3, "yes": True, "list": [1], "mapping": {"a": 1}}
    assert metadata_after_a_round_trip(before) == {
        "text": "a",
        "number": 3.0,
        "yes": 1.0,
        "list": {"list": [1]},
        "mapping": {"struct": {"a": 1}},
    }


def test_a_written_artifact_adds_to_the_provisioned_one() -> None:
    provisioned = {"uri": "s3://b/a", "type": TYPE, "metadata": {"a": 1}}
    written = {"artifacts": [{"uri": "", "metadata": {"b": 2}}]}
    assert merge_output(written, provisioned)["metadata"] == {"a": 1, "b": 2}
    assert merge_output(written, provisioned)["uri"] == "s3://b/a"
    assert merge_output(None, provisioned) == provisioned


def test_a_prefix_that_holds_nothing_is_copied_without_a_word(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.download("minio://bucket/nothing", tmp_path / "pod")
    store.upload("minio://bucket/nothing", tmp_path / "pod")
    assert not (tmp_path / "pod").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"other": 1}, "no parameter other: there are n"),
        ({"n": 1.5}, "the parameter n must be a whole number \\(NUMBER_INTEGER\\), got 1.5"),
        (
            {"n": "three"},
            "the parameter n must be a whole number \\(NUMBER_INTEGER\\), got 'three'",
        ),
    ],
)
def test_parameters_are_checked_as_kfp_does(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=message):
        _run(_spec(), tmp_path, **given)


def test_a_number_for_a_text_parameter_becomes_text() -> None:
    node = local_pod.Node(
        "Gen",
        {"inputs": {"parameters": {"n": {"runtimeValue": {"constant": 3}}}}},
        {"inputDefinitions": {"parameters": {"n": {"parameterType": "STRING"}}}},
        {},
    )
    assert local_pod.resolve_parameters(node, {}) == {"n": "3"}


def test_a_resolver_is_refused_as_the_backend_does() -> None:
    spec = _spec()
    spec["deploymentSpec"]["executors"]["Gen"] = {"resolver": {}}
    with pytest.raises(BackendError, match="Gen is no container but resolver"):
        local_driver.read_nodes(spec)


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    spec = _spec()
    spec["root"]["dag"]["tasks"]["Gen"]["dependentTasks"] = ["A-user"]
    with pytest.raises(BackendError, match="wait for each other"):
        local_driver.read_nodes(spec)


def test_the_command_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        json.dumps({"pipelineSpec": _spec(write="raise ValueError('no rows')")}), "utf-8"
    )
    assert local_driver.main([str(file), "--work", str(tmp_path / "work")]) == 1
    assert "ValueError: no rows" in capsys.readouterr().err
    assert os.environ.get("SESSION_RETRIEVAL_POD_ROOT") is None


def test_the_command_says_that_there_is_no_specification(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.yaml"
    assert local_driver.main([str(missing), "--work", str(tmp_path / "work")]) == 1
    assert f"No such file or directory: '{missing}'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_stopped_leaves_no_node_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    started = tmp_path / "started"
    code = (
        f"import os, time; open({str(started)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(60)"
    )
    (tmp_path / "spec.yaml").write_text(json.dumps(_spec(write=code)), "utf-8")
    driver = subprocess.Popen(
        # As a shell starts what runs in the background.
        [
            *("sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, local_driver.__file__),
            *(str(tmp_path / "spec.yaml"), "--work", str(tmp_path / "work")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        node = int(started.read_text())
        driver.send_signal(number)
        assert driver.wait(timeout=30) != 0
    finally:
        driver.kill()
        driver.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{node}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{node}").exists()
