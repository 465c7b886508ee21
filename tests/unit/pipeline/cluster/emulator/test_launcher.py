"""A node gets, and leaves behind, what it would on a cluster: message, log, outputs, failures."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from pipeline.cluster.emulator.executor_message import LOGS
from pipeline.cluster.emulator.launcher import NodeFailedError
from pipeline.cluster.emulator.object_store import BackendError
from tests.emulated_runs import WRITE, run_spec, stored_objects, two_nodes


def test_an_input_is_what_kfp_hands_over(tmp_path: Path) -> None:
    run_spec(two_nodes(seen=str(tmp_path / "seen.json")), tmp_path / "work")
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
    run_spec(two_nodes(seen=str(seen)), tmp_path / "work", publish_logs)
    message = json.loads(seen.read_text("utf-8"))
    assert set(message["inputs"]) == {"artifacts"}
    assert ("artifacts" in message["outputs"]) is publish_logs
    assert set(message["outputs"]) - {"artifacts"} == {"outputFile"}
    write = WRITE + f"\nopen({str(seen)!r}, 'w').write(sys.argv[1])"
    run_spec(two_nodes(write), tmp_path / "work", publish_logs)
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
    store = run_spec(two_nodes(look), tmp_path / "work")
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
        run_spec(two_nodes(write), tmp_path)
    assert "executor-logs-0, which the launcher holds open as the node's log" in str(error.value)
    assert f"was {word}: KFP's interface would show" in str(error.value)


def test_without_published_logs_there_is_no_such_output(tmp_path: Path) -> None:
    store = run_spec(
        two_nodes(seen=str(tmp_path / "seen.json")), tmp_path / "work", publish_logs=False
    )
    assert set(store.outputs) == {("Gen", "examples")}
    assert stored_objects(tmp_path / "work") == ["Gen/examples/data"]


def test_a_pod_sees_only_its_own_inputs(tmp_path: Path) -> None:
    run_spec(two_nodes(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []
    assert stored_objects(tmp_path / "work") == [
        "A-user/executor-logs-0",
        "Gen/examples/data",
        "Gen/executor-logs-0",
    ]


def test_a_failing_node_is_named_with_its_last_words_and_leaves_its_log(tmp_path: Path) -> None:
    write = WRITE + "\nsys.exit('the disk is full')"
    with pytest.raises(NodeFailedError) as error:
        run_spec(two_nodes(write), tmp_path)
    for word in ("Gen failed with exit status 1", "the disk is full", "Gen.log"):
        assert word in str(error.value)
    assert stored_objects(tmp_path) == ["Gen/executor-logs-0"]
    assert not (tmp_path / "logs" / "A-user.log").exists()


def test_a_killed_node_is_distinguished_from_a_failing_one(tmp_path: Path) -> None:
    write = WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(NodeFailedError, match="Gen was killed by SIGKILL \\(out of memory"):
        run_spec(two_nodes(write), tmp_path)
    assert stored_objects(tmp_path) == ["Gen/executor-logs-0"]


def test_what_a_killed_attempt_left_in_its_pod_is_gone_in_the_next(tmp_path: Path) -> None:
    with pytest.raises(NodeFailedError):
        run_spec(
            two_nodes(WRITE + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})"), tmp_path / "work"
        )
    assert any((tmp_path / "work" / "pods" / "Gen").rglob("data"))
    run_spec(two_nodes(seen=str(tmp_path / "seen.json")), tmp_path / "work")
    assert list((tmp_path / "work" / "pods").iterdir()) == []


def test_an_output_message_with_unknown_fields_is_refused(tmp_path: Path) -> None:
    write = WRITE.replace("output = {", 'output = {"surprise": 1, ')
    with pytest.raises(BackendError, match="Gen wrote an output message that KFP refuses"):
        run_spec(two_nodes(write), tmp_path)


def test_null_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="'rows' is null"):
        run_spec(two_nodes(extra="{'rows': None}"), tmp_path)
