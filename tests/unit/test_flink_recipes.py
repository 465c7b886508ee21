"""The recipes of `deploy/flink/`: one set of settings, flags that fit them, valid manifests.

Kubernetes' schemas are those of the package kubernetes-validate. The operator's is read from the
file that FLINK_CRD names: `kubectl get crd flinkdeployments.flink.apache.org -o yaml > FILE`.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modules.ingest.beam_sessions import BUCKET_BYTES
from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.runners import flag_value
from pipeline.paths import PROJECT
from tests.local_ports import free_port

FOLDER = PROJECT / "deploy" / "flink"
KUBERNETES = ("1.29", "1.31", "1.34", "1.37")
POOL = "apache_beam.runners.worker.worker_pool_main"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the definition has some megabytes


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


SETTINGS = _read("flink-conf.yaml")
COMPOSE = _read("compose.yaml")
SESSION, *OBJECTS = yaml.safe_load_all((FOLDER / "kubernetes" / "flink-session.yaml").read_text())
BY_KIND = {document["kind"]: document for document in OBJECTS}
# What a place sets in its own way: host names, and resources of a pod.
OF_PLACE = {"jobmanager.rpc.address", "rest.port"}
# What Flink's image has without it.
OF_IMAGE = {"env.java.opts.all"}
OF_PODS = {"jobmanager.memory.process.size", "taskmanager.memory.process.size"}


def _lines(text: str) -> dict[str, str]:
    return dict(re.split(r":\s+", line, maxsplit=1) for line in text.strip().splitlines())


def _plain(settings: dict[str, Any], without: set[str]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items() if name not in without}


def test_settings_are_the_same_everywhere() -> None:
    for name in ("jobmanager", "taskmanager-1", "taskmanager-2"):
        given = _lines(COMPOSE["services"][name]["environment"]["FLINK_PROPERTIES"])
        assert _plain(given, OF_PLACE) == _plain(SETTINGS, OF_PLACE | OF_IMAGE)
    given = SESSION["spec"]["flinkConfiguration"]
    assert given == _plain(SETTINGS, OF_PLACE | OF_PODS)
    for part, name in (("jobManager", "jobmanager"), ("taskManager", "taskmanager")):
        memory = SESSION["spec"][part]["resource"]["memory"]
        assert memory == SETTINGS[f"{name}.memory.process.size"]


def test_settings_are_what_beams_jobs_need() -> None:
    assert SETTINGS["taskmanager.memory.network.max"] == "1gb"
    assert SETTINGS["restart-strategy.type"] == "fixed-delay"
    # Without this Flink cannot say on Java 17 which memory a task manager lacked.
    assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in SETTINGS["env.java.opts.all"]


def test_elements_that_wait_for_workers_have_memory() -> None:
    """Beam's `DirectStreamObserver` sends so many before it waits for a worker to be ready."""
    sent, packed = 100, 2  # memory of grouped events, as a multiple of the log's text
    waiting = SETTINGS["taskmanager.numberOfTaskSlots"] * sent * packed * BUCKET_BYTES
    given = int(SETTINGS["taskmanager.memory.task.off-heap.size"].removesuffix("m")) << 20
    assert waiting <= given


@pytest.mark.parametrize(
    "preset", ["flink", str(FOLDER / "beam-compose.yaml")], ids=["flink", "beam-compose"]
)
def test_presets_fit_the_cluster(preset: str) -> None:
    loaded = load_beam_preset(preset)
    slots = SETTINGS["taskmanager.numberOfTaskSlots"]
    assert int(flag_value(loaded.flags, "--sdk_worker_parallelism")) == slots
    assert int(flag_value(loaded.flags, "--parallelism")) == 2 * slots
    assert flag_value(loaded.flags, "--number_of_execution_retries") == "3"
    assert flag_value(loaded.flags, "--environment_config") == "localhost:50000"


def test_each_task_manager_has_a_pool_in_its_network_namespace() -> None:
    services = COMPOSE["services"]
    managers = sorted(name for name in services if name.startswith("taskmanager"))
    pools = {name: part for name, part in services.items() if name.startswith("pool")}
    modes = sorted(pool["network_mode"] for pool in pools.values())
    assert modes == [f"service:{name}" for name in managers]
    for pool in pools.values():
        assert pool["entrypoint"] == ["python", "-m", POOL]
        assert pool["command"] == ["--service_port=50000"]
    spec = SESSION["spec"]["taskManager"]["podTemplate"]["spec"]
    assert "hostNetwork" not in spec
    main, pool = spec["containers"]
    assert main["name"] == "flink-main-container"
    assert (pool["command"], pool["args"]) == (["python", "-m", POOL], ["--service_port=50000"])


def test_the_job_server_is_where_presets_and_flink_say() -> None:
    name = BY_KIND["Service"]["metadata"]["name"]
    ports = {port["name"]: port["port"] for port in BY_KIND["Service"]["spec"]["ports"]}
    flags = load_beam_preset("flink").flags
    assert flag_value(flags, "--job_endpoint") == f"{name}:{ports['jobs']}"
    assert flag_value(flags, "--artifact_endpoint") == f"{name}:{ports['artifacts']}"
    (container,) = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
    rest = f"{SESSION['metadata']['name']}-rest:8081"
    assert f"--flink-master={rest}" in container["args"]
    assert load_beam_preset("flink").options.flink_url == f"http://{rest}"

    flags = load_beam_preset(str(FOLDER / "beam-compose.yaml")).flags
    published = COMPOSE["services"]["job-server"]["ports"]
    for flag in ("--job_endpoint", "--artifact_endpoint"):
        port = flag_value(flags, flag).partition(":")[2]
        assert f"127.0.0.1:{port}:{port}" in published


def test_versions_are_those_of_the_lock() -> None:
    lock = (PROJECT / "requirements" / "current.txt").read_text("utf-8")
    (beam,) = re.findall(r"^apache-beam(?:\[.*\])?==(\S+)", lock, re.MULTILINE)
    image = "apache/beam_flink1.19_job_server"
    assert COMPOSE["services"]["job-server"]["image"] == f"{image}:${{BEAM_VERSION:-{beam}}}"
    (container,) = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{image}:{beam}"
    assert f"{beam} (current stack)" in (FOLDER / "README.md").read_text("utf-8")
    assert SESSION["spec"]["image"] == COMPOSE["services"]["jobmanager"]["image"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("document", OBJECTS, ids=lambda document: document["kind"])
def test_manifests_are_valid_for_kubernetes(document: dict[str, Any], version: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(document, version, strict=True)
    spoiled = copy.deepcopy(document)
    spoiled["spec"]["no_such_field"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="no_such_field"):
        kubernetes_validate.validate(spoiled, version, strict=True)


def test_what_the_operator_hands_to_kubernetes_is_valid() -> None:
    """A task manager's pod, with an image for the container that the operator fills in."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    spec = copy.deepcopy(SESSION["spec"]["taskManager"]["podTemplate"]["spec"])
    spec["containers"][0]["image"] = SESSION["spec"]["image"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "taskmanager"}, "spec": spec}
    kubernetes_validate.validate(pod, KUBERNETES[-1], strict=True)


def test_the_session_cluster_is_valid_for_the_operator() -> None:
    if not os.environ.get("FLINK_CRD"):
        pytest.skip("needs FLINK_CRD, the file of the operator's custom resource definition")
    definition = yaml.load(Path(os.environ["FLINK_CRD"]).read_text("utf-8"), LOADER)
    (schema,) = [
        version["schema"]["openAPIV3Schema"]
        for version in definition["spec"]["versions"]
        if SESSION["apiVersion"].endswith(f"/{version['name']}")
    ]
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(SESSION)
    known = schema["properties"]["spec"]["properties"]
    for part, properties in (
        (SESSION["spec"], known),
        (SESSION["spec"]["taskManager"], known["taskManager"]["properties"]),
        (SESSION["spec"]["jobManager"], known["jobManager"]["properties"]),
    ):
        assert set(part) <= set(properties)
    spoiled = copy.deepcopy(SESSION)
    spoiled["spec"]["flinkVersion"] = "v0_1"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(spoiled)


def _up(state: Path, **given: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "FLINK_STATE": str(state)}
    done = subprocess.run(
        ["sh", str(FOLDER / "up.sh")],
        env={**environment, **given},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    return done.stderr.strip()


def test_what_is_missing_for_flink_is_named(tmp_path: Path) -> None:
    flink, jar = tmp_path / "flink", tmp_path / "job-server.jar"
    assert "FLINK_HOME is not set" in _up(tmp_path)
    assert f"FLINK_HOME={flink} has no bin/jobmanager.sh" in _up(tmp_path, FLINK_HOME=str(flink))
    (flink / "bin").mkdir(parents=True)
    (flink / "bin" / "jobmanager.sh").touch(0o755)
    assert "JOB_SERVER_JAR is not set" in _up(tmp_path, FLINK_HOME=str(flink))
    missing = _up(tmp_path, FLINK_HOME=str(flink), JOB_SERVER_JAR=str(jar))
    assert f"JOB_SERVER_JAR={jar} does not exist" in missing
    no_python = _up(tmp_path, PYTHON=str(tmp_path / "python"))
    assert "no Python with this project" in no_python
    if shutil.which("java"):
        jar.touch()
        (tmp_path / "pids").mkdir()
        running = _up(tmp_path, FLINK_HOME=str(flink), JOB_SERVER_JAR=str(jar))
        assert f"{tmp_path}/pids exists: sh deploy/flink/down.sh ends what runs there" in running


@pytest.mark.parametrize("slots", [2, 8])
def test_memory_grows_with_slots(tmp_path: Path, slots: int) -> None:
    """A job manager that cannot start ends the script after its configuration is written."""
    flink, jar = tmp_path / "flink", tmp_path / "job-server.jar"
    (flink / "bin").mkdir(parents=True)
    jar.touch()
    for name in ("jobmanager.sh", "java"):
        (flink / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (flink / "bin" / name).chmod(0o755)
    names = ("REST_PORT", "JOB_PORT", "ARTIFACT_PORT", "EXPANSION_PORT", "POOL_PORT")
    given = {name: str(free_port()) for name in names}
    path = f"{flink / 'bin'}{os.pathsep}{os.environ['PATH']}"
    places = {"FLINK_HOME": str(flink), "JOB_SERVER_JAR": str(jar), "PATH": path}
    failed = _up(tmp_path, **given, **places, SLOTS=str(slots))
    assert "the job manager did not start" in failed
    written = yaml.safe_load((tmp_path / "conf" / "flink-conf.yaml").read_text("utf-8"))
    assert written["taskmanager.numberOfTaskSlots"] == slots
    waiting, process = (
        written[f"taskmanager.memory.{name}.size"] for name in ("task.off-heap", "process")
    )
    assert (waiting, process) == (f"{512 * slots}m", f"{5120 + 512 * slots}m")
    if slots == SETTINGS["taskmanager.numberOfTaskSlots"]:
        assert waiting == SETTINGS["taskmanager.memory.task.off-heap.size"]
        assert SETTINGS["taskmanager.memory.process.size"] == "6g"


def test_nothing_is_ended_where_nothing_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(FOLDER / "down.sh")],
        env={"PATH": os.environ["PATH"], "FLINK_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("Nothing runs")


def test_a_pool_and_its_workers_are_ended_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    # A pool that has started a worker, in a session of their own; and a process of another's.
    pool = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
    # Waited for as it ends, or the script would wait for it.
    threading.Thread(target=pool.wait, daemon=True).start()
    other = subprocess.Popen(["sleep", "600"])
    (tmp_path / "pids" / "pool").write_text(f"{pool.pid}\n")
    done = subprocess.run(
        ["sh", str(FOLDER / "down.sh")],
        env={"PATH": os.environ["PATH"], "FLINK_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ended = pool.wait(timeout=10)
    still_runs = other.poll() is None
    other.kill()
    other.wait()
    assert (done.stdout, ended, still_runs) == ("Ended pool\n", -15, True)
    assert not (tmp_path / "pids").exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(pool.pid, 0)
