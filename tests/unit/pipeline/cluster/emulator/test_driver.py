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

from pipeline.cluster.emulator import driver
from pipeline.cluster.emulator.executor_message import LOGS
from pipeline.cluster.emulator.launcher import NodeFailedError
from pipeline.cluster.emulator.object_store import (
    BackendError,
    Store,
)
from pipeline.paths import PROJECT

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
    write: str = WRITE, read: str = READ, seen: str = os.devnull, extra: str = "{'rows': 3}"
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


def _run(spec: dict, work: Path, publish_logs: bool = True, **given: Any) -> Store:
    return driver.run_pipeline(spec, given, work, publish_logs=publish_logs)


def _stored(work: Path) -> list[str]:
    """Returns the objects in the store, each as NODE/FILE below the artifact."""
    files = [file for file in (work / "store" / "minio").rglob("*") if file.is_file()]
    # minio/BUCKET/PREFIX/PIPELINE/RUN/NODE/ATTEMPT/ARTIFACT...
    parts = [file.relative_to(work / "store" / "minio").parts for file in files]
    return sorted("/".join([part[4], *part[6:]]) for part in parts)


def test_an_input_is_what_kfp_hands_over(tmp_path: Path) -> None:
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    message = json.loads((tmp_path / "seen.json").read_text("utf-8"))
    artifact = message["inputs"]["artifacts"]["examples"]["artifacts"][0]
    assert artifact["type"] == {"instanceSchema": ""}
    assert artifact["name"] == "1"
    assert artifact["uri"].startswith("minio://bucket/root/sample/")
    assert artifact["uri"].endswith("/examples") and "/Gen/" in artifact["uri"]
    assert artifact["metadata"]["rows"] == 3
    assert artifact["metadata"]["display_name"] == "examples"
    store = json.loads(artifact["metadata"]["store_session_info"])
    assert store["Provider"] == "minio"
    assert store["Params"]["secretName"] == "mlpipeline-minio-artifact"
    assert "endpoint" in store["Params"]


@pytest.mark.parametrize("publish_logs", [True, False])
def test_what_is_empty_is_left_out_of_the_message(tmp_path: Path, publish_logs: bool) -> None:
    seen = tmp_path / "seen.json"
    _run(_spec(seen=str(seen)), tmp_path / "work", publish_logs)
    message = json.loads(seen.read_text("utf-8"))
    assert set(message["inputs"]) == {"artifacts"}
    assert ("artifacts" in message["outputs"]) is publish_logs
    assert set(message["outputs"]) - {"artifacts"} == {"outputFile"}
    write = WRITE + f"\nopen({str(seen)!r}, 'w').write(sys.argv[1])"
    _run(_spec(write), tmp_path / "work", publish_logs)
    message = json.loads(seen.read_text("utf-8"))
    assert message["inputs"] == {"parameterValues": {"n": 3}}
    assert '"n": 3}' in seen.read_text("utf-8"), "Go writes no decimal point"
    assert ("executor-logs" in message["outputs"]["artifacts"]) is publish_logs
    assert set(message["outputs"]["artifacts"]) - {LOGS} == {"examples"}


def test_every_task_has_its_log_as_an_output_that_is_open_while_it_runs(tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    look = (
        WRITE
        + f"""
import time
print("the log goes on", flush=True)
log = message["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]
path = log["uri"].replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
for _ in range(500):
    text = open(path).read()
    if text.endswith("on\\n"):
        break
    time.sleep(.01)
json.dump([log, text], open({str(seen)!r}, "w"))
print("to its end")
"""
    )
    store = _run(_spec(look), tmp_path / "work")
    log, text = json.loads(seen.read_text("utf-8"))
    assert text == "the log goes on\n"
    assert set(log) == {"name", "type", "uri"}
    assert (log["name"], log["type"]) == ("executor-logs", {"schemaTitle": "system.Artifact"})
    examples = store.outputs["Gen", "examples"]["uri"]
    assert log["uri"] == examples.removesuffix("examples") + "executor-logs-0"
    assert store.outputs["Gen", LOGS]["uri"] == log["uri"]
    kept = Path(log["uri"].replace("minio://", str(tmp_path / "work" / "store" / "minio") + "/"))
    assert kept.read_text("utf-8") == "the log goes on\nto its end\n"
    assert (tmp_path / "work" / "logs" / "Gen.log").read_bytes() == kept.read_bytes()


@pytest.mark.parametrize(
    ("harm", "word"),
    [("os.remove(path)", "removed"), ("open(path, 'a').write('x' * 99)", "changed")],
)
@pytest.mark.parametrize("fails", [True, False])
def test_a_node_that_harms_its_own_log_is_refused(
    tmp_path: Path, harm: str, word: str, fails: bool
) -> None:
    write = (
        WRITE
        + f"""
log = message["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]["uri"]
path = log.replace("minio://", os.environ["SESSION_RETRIEVAL_POD_ROOT"] + "/minio/")
print("first words", flush=True)
{harm}
sys.exit({int(fails)})
"""
    )
    with pytest.raises(NodeFailedError if fails else BackendError) as error:
        _run(_spec(write), tmp_path)
    assert "executor-logs-0, which the launcher holds open as the node's log" in str(error.value)
    assert f"was {word}: KFP's interface would show" in str(error.value)


def test_without_published_logs_there_is_no_such_output(tmp_path: Path) -> None:
    store = _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work", publish_logs=False)
    assert set(store.outputs) == {("Gen", "examples")}
    assert _stored(tmp_path / "work") == ["Gen/examples/data"]


def test_a_pod_sees_only_its_own_inputs(tmp_path: Path) -> None:
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []
    assert _stored(tmp_path / "work") == [
        "A-user/executor-logs-0",
        "Gen/examples/data",
        "Gen/executor-logs-0",
    ]


def test_ids_go_on_over_runs(tmp_path: Path) -> None:
    spec = _spec(seen=str(tmp_path / "seen.json"))
    first, second = _run(spec, tmp_path / "work"), _run(spec, tmp_path / "work")
    names = [[artifact["name"] for artifact in run.outputs.values()] for run in (first, second)]
    assert names == [["1", "2", "3"], ["4", "5", "6"]]
    assert first.outputs["Gen", "examples"]["uri"] != second.outputs["Gen", "examples"]["uri"]


def test_a_failing_node_is_named_with_its_last_words_and_leaves_its_log(tmp_path: Path) -> None:
    write = WRITE + "\nsys.exit('the disk is full')"
    with pytest.raises(NodeFailedError) as error:
        _run(_spec(write), tmp_path)
    for word in ("Gen failed with exit status 1", "the disk is full", "Gen.log"):
        assert word in str(error.value)
    assert _stored(tmp_path) == ["Gen/executor-logs-0"]
    assert not (tmp_path / "logs" / "A-user.log").exists()


def test_a_killed_node_is_distinguished_from_a_failing_one(tmp_path: Path) -> None:
    write = WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(NodeFailedError, match="Gen was killed by SIGKILL \\(out of memory"):
        _run(_spec(write), tmp_path)
    assert _stored(tmp_path) == ["Gen/executor-logs-0"]


def test_what_a_killed_attempt_left_in_its_pod_is_gone_in_the_next(tmp_path: Path) -> None:
    with pytest.raises(NodeFailedError):
        _run(_spec(WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"), tmp_path / "work")
    assert any((tmp_path / "work" / "pods" / "Gen").rglob("data"))
    _run(_spec(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []


def test_an_output_message_with_unknown_fields_is_refused(tmp_path: Path) -> None:
    write = WRITE.replace("output = {", 'output = {"surprise": 1, ')
    with pytest.raises(BackendError, match="Gen wrote an output message that KFP refuses"):
        _run(_spec(write), tmp_path)


def test_null_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="'rows' is null"):
        _run(_spec(extra="{'rows': None}"), tmp_path)


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


def test_a_resolver_is_refused_as_the_backend_does() -> None:
    spec = _spec()
    spec["deploymentSpec"]["executors"]["Gen"] = {"resolver": {}}
    with pytest.raises(BackendError, match="Gen is not a container but resolver"):
        driver.read_nodes(spec)


@pytest.mark.parametrize(
    "field", ["parameterIterator", "artifactIterator", "iteratorPolicy", "triggerPolicy"]
)
def test_a_task_that_would_run_otherwise_on_a_cluster_is_refused(field: str) -> None:
    spec = _spec()
    spec["root"]["dag"]["tasks"]["Gen"][field] = {"condition": "inputs.x == 1"}
    with pytest.raises(BackendError, match=f"Gen: {field} is not emulated: run it on a cluster"):
        driver.read_nodes(spec)


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    spec = _spec()
    spec["root"]["dag"]["tasks"]["Gen"]["dependentTasks"] = ["A-user"]
    with pytest.raises(BackendError, match="wait for each other"):
        driver.read_nodes(spec)


def test_the_command_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        json.dumps({"pipelineSpec": _spec(write="raise ValueError('no rows')")}), "utf-8"
    )
    assert driver.main([str(file), "--work", str(tmp_path / "work")]) == 1
    assert "ValueError: no rows" in capsys.readouterr().err
    assert os.environ.get("SESSION_RETRIEVAL_POD_ROOT") is None


@pytest.mark.parametrize(("choice", "published"), [([], True), (["--publish-logs=false"], False)])
def test_the_command_publishes_logs_by_default(
    tmp_path: Path, choice: list[str], published: bool
) -> None:
    file = tmp_path / "spec.json"
    spec = _spec(seen=str(tmp_path / "seen.json"))
    file.write_text(json.dumps({"pipelineSpec": spec}), "utf-8")
    assert driver.main([str(file), "--work", str(tmp_path / "work"), *choice]) == 0
    assert ("Gen/executor-logs-0" in _stored(tmp_path / "work")) is published


def test_the_command_says_that_there_is_no_specification(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.yaml"
    assert driver.main([str(missing), "--work", str(tmp_path / "work")]) == 1
    assert f"No such file or directory: '{missing}'" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_stopped_leaves_no_node_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    started = tmp_path / "started"
    code = (
        f"import os, time; open({str(started)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(3600)"
    )
    (tmp_path / "spec.yaml").write_text(json.dumps(_spec(write=code)), "utf-8")
    driver = subprocess.Popen(
        # As a shell starts what runs in the background.
        [
            *(
                "sh",
                "-c",
                'trap "" INT; exec "$@"',
                "sh",
                sys.executable,
                str(PROJECT / "kubeflow" / "run_locally.py"),
            ),
            *(str(tmp_path / "spec.yaml"), "--work", str(tmp_path / "work")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 300
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        node = int(started.read_text())
        driver.send_signal(number)
        assert driver.wait(timeout=300) != 0
    finally:
        driver.kill()
        driver.wait()
    deadline = time.monotonic() + 120
    while Path(f"/proc/{node}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    left_behind = Path(f"/proc/{node}").exists()
    if left_behind:
        os.kill(node, signal.SIGKILL)
    assert not left_behind
