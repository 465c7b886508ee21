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
from pipeline.cluster.emulator.object_store import BackendError
from pipeline.paths import PROJECT
from tests.emulated_runs import run_spec, stored_objects, two_nodes


def test_ids_go_on_over_runs(tmp_path: Path) -> None:
    spec = two_nodes(seen=str(tmp_path / "seen.json"))
    first, second = run_spec(spec, tmp_path / "work"), run_spec(spec, tmp_path / "work")
    names = [[artifact["name"] for artifact in run.outputs.values()] for run in (first, second)]
    assert names == [["1", "2", "3"], ["4", "5", "6"]]
    assert first.outputs["Gen", "examples"]["uri"] != second.outputs["Gen", "examples"]["uri"]


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
        run_spec(two_nodes(), tmp_path, **given)


def test_a_resolver_is_refused_as_the_backend_does() -> None:
    spec = two_nodes()
    spec["deploymentSpec"]["executors"]["Gen"] = {"resolver": {}}
    with pytest.raises(BackendError, match="Gen is not a container but resolver"):
        driver.read_nodes(spec)


@pytest.mark.parametrize(
    "field", ["parameterIterator", "artifactIterator", "iteratorPolicy", "triggerPolicy"]
)
def test_a_task_that_would_run_otherwise_on_a_cluster_is_refused(field: str) -> None:
    spec = two_nodes()
    spec["root"]["dag"]["tasks"]["Gen"][field] = {"condition": "inputs.x == 1"}
    with pytest.raises(BackendError, match=f"Gen: {field} is not emulated: run it on a cluster"):
        driver.read_nodes(spec)


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    spec = two_nodes()
    spec["root"]["dag"]["tasks"]["Gen"]["dependentTasks"] = ["A-user"]
    with pytest.raises(BackendError, match="wait for each other"):
        driver.read_nodes(spec)


def test_the_command_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        json.dumps({"pipelineSpec": two_nodes(write="raise ValueError('no rows')")}), "utf-8"
    )
    assert driver.main([str(file), "--work", str(tmp_path / "work")]) == 1
    assert "ValueError: no rows" in capsys.readouterr().err
    assert os.environ.get("SESSION_RETRIEVAL_POD_ROOT") is None


@pytest.mark.parametrize(("choice", "published"), [([], True), (["--publish-logs=false"], False)])
def test_the_command_publishes_logs_by_default(
    tmp_path: Path, choice: list[str], published: bool
) -> None:
    file = tmp_path / "spec.json"
    spec = two_nodes(seen=str(tmp_path / "seen.json"))
    file.write_text(json.dumps({"pipelineSpec": spec}), "utf-8")
    assert driver.main([str(file), "--work", str(tmp_path / "work"), *choice]) == 0
    assert ("Gen/executor-logs-0" in stored_objects(tmp_path / "work")) is published


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
    (tmp_path / "spec.yaml").write_text(json.dumps(two_nodes(write=code)), "utf-8")
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
