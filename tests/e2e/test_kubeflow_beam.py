"""The compiled specification's Beam nodes on a job server with an external worker pool.

These are the flags that a Flink or Spark job server takes; the server here is Beam's own. Slow, and
nothing of it is this project's code, so it runs only where BEAM_JOB_SERVER=yes is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.sample.generate import write_sample
from tests.local_ports import free_port, wait_for_port

PROJECT = Path(__file__).resolve().parents[2]
NODES = {"ImportSchemaGen", "SessionExampleGen", "StatisticsGen", "Transform"}

pytestmark = pytest.mark.skipif(
    os.environ.get("BEAM_JOB_SERVER") != "yes", reason="BEAM_JOB_SERVER=yes is not set"
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Path]]:
    """Starts a job server and a worker pool; yields their ports and the folder of their logs."""
    folder = tmp_path_factory.mktemp("beam")
    job, pool = free_port(), free_port()
    commands = {
        job: ["runners.portability.local_job_service_main", "--port", str(job)],
        pool: ["runners.worker.worker_pool_main", "--service_port", str(pool)],
    }
    started = []
    for port, (module, *arguments) in commands.items():
        with (folder / f"{module}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"apache_beam.{module}", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                # The pool starts its workers by the name `python`.
                env={
                    **os.environ,
                    "PYTHONPATH": str(PROJECT),
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                },
                start_new_session=True,
            )
        started.append(process)
        wait_for_port(port, process)
    yield job, pool, folder
    for process in started:
        os.killpg(process.pid, 9)
        process.wait()


def _compile(folder: Path, job: int, pool: int) -> Path:
    beam = folder / "beam.yaml"
    text = (PROJECT / "pipeline" / "beam" / "presets" / "flink.yaml").read_text("utf-8")
    text = text.replace("flink-job-server:8099", f"localhost:{job}")
    text = text.replace("localhost:50000", f"localhost:{pool}")
    lines = [line for line in text.splitlines() if "artifact_endpoint" not in line]
    beam.write_text("\n".join(lines) + "\n", "utf-8")
    deployment = folder / "deployment.yaml"
    text = (PROJECT / "kubeflow" / "oss.yaml").read_text("utf-8")
    text = text.replace("beam: direct", f"beam: {beam}").replace("minio://", "gs://")
    deployment.write_text(text, "utf-8")
    platform = (PROJECT / "kubeflow" / "platform.yaml").read_text("utf-8")
    (folder / "platform.yaml").write_text(platform, "utf-8")
    spec = folder / "pipeline.yaml"
    done = subprocess.run(
        [
            *(sys.executable, str(PROJECT / "kubeflow" / "compile.py")),
            *("--deployment", str(deployment), "--output", str(spec)),
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return spec


def test_example_gen_to_transform_run_on_a_job_server(
    servers: tuple[int, int, Path], tmp_path: Path
) -> None:
    job, pool, logs = servers
    file = _compile(tmp_path, job, pool)
    spec = next(yaml.safe_load_all(file.read_text("utf-8")))
    tasks = spec["root"]["dag"]["tasks"]
    spec["root"]["dag"]["tasks"] = {name: tasks[name] for name in NODES}
    for name in NODES:
        needed = set(tasks[name].get("dependentTasks", []))
        tasks[name]["dependentTasks"] = sorted(needed & NODES)
    file.write_text(yaml.safe_dump(spec), "utf-8")
    write_sample(tmp_path / "data", sessions=500)
    done = subprocess.run(
        [
            *(sys.executable, str(PROJECT / "kubeflow" / "run_locally.py"), str(file)),
            # Workers elsewhere see a shared folder as they would see gs://.
            *("--work", str(tmp_path / "work"), "--pipeline-root", str(tmp_path / "root")),
            *("--parameter", f"data_folder={tmp_path / 'data'}"),
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=850,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "root").rglob("transformed_examples/Split-train/*.gz"))
    server = (logs / "runners.portability.local_job_service_main.log").read_text("utf-8")
    jobs = server.count("Running job")
    assert jobs >= 3, f"the job server saw {jobs} jobs, fewer than there are Beam nodes"
