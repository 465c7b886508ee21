"""The compiled specification runs to its end, as Kubeflow Pipelines would run it.

`make test-kubeflow` runs it a second time, and with TFX's own entrypoint.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.sample.generate import write_sample

PROJECT = Path(__file__).resolve().parents[2]
# All nodes that there are: with a search, and with an approximate index for which the sample is too
# small to be judged.
SETTINGS = (
    "trainer.max_epochs=2 trainer.refit=false model.ensemble_size=1 model.embedding_dim=16 "
    "model.gru_units=16 baselines.names=[popularity] gate.beat_baselines=[popularity] "
    "gate.resamples=100 serving.sessions=20 "
    "tuner.enabled=true tuner.num_trials=1 'tuner.space={trainer.learning_rate: [0.002]}' "
    "index.kind=pq index.rerank_depth=100 index.sessions=50 index.min_recall=0 "
    "index.max_p99_ratio=null"
)
ROOT = "minio://a-bucket/some/prefix"
STOCK = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]


# A run has some twenty processes, each of which imports TensorFlow: minutes on a busy machine.
pytestmark = pytest.mark.timeout(1800)


def _call(script: str, *arguments: str, timeout: int = 1700) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, str(PROJECT / "kubeflow" / script), *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=environment,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the data, the compiled specification, and what the runs leave."""
    folder = tmp_path_factory.mktemp("kubeflow")
    write_sample(folder / "data", sessions=2_000)
    done = _call(
        *("compile.py", "--target", "oss", "--preset", "sample", "--set", SETTINGS),
        *("--output", str(folder / "pipeline.yaml")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _run(
    folder: Path, spec: str = "pipeline.yaml", publish_logs: str = "true", **values: str
) -> tuple[int, str, Path]:
    """Runs a specification; returns its status, what it printed, and the folder of its logs."""
    given = {
        "data_folder": str(folder / "data"),
        "push_folder": str(folder / "pushed"),
        "state_folder": str(folder / "state"),
        **values,
    }
    work = folder / "work"
    done = _call(
        *("run_locally.py", str(folder / spec), "--work", str(work), "--pipeline-root", ROOT),
        *("--publish-logs", publish_logs),
        *(part for name, value in given.items() for part in ("--parameter", f"{name}={value}")),
    )
    logs = folder / f"logs-{len(list(folder.glob('logs-*')))}"
    (work / "logs").rename(logs)
    return done.returncode, done.stdout + done.stderr, logs


@pytest.fixture(scope="module")
def first(folder: Path) -> Path:
    status, output, logs = _run(folder)
    assert status == 0, output
    return logs


def _verdict(folder: Path, run: int) -> dict[str, Any]:
    """Returns what the model gate wrote in a run, by its place in order, from the object store."""
    found = (folder / "work").rglob("ModelGate/*/verdict/verdict.json")
    files = sorted(found, key=lambda file: file.stat().st_mtime)
    verdict: dict[str, Any] = json.loads(files[run].read_text("utf-8"))
    return verdict


def test_the_first_run_blesses_and_pushes_with_nothing_to_compare_with(
    first: Path, folder: Path
) -> None:
    assert "No model has been pushed to" in (first / "LatestBlessedModel.log").read_text("utf-8")
    assert "nothing to compare with" in (first / "DataGate.log").read_text("utf-8")
    assert _verdict(folder, 0)["blessed"] is True
    (version,) = (folder / "pushed").iterdir()
    assert (version / "saved_model.pb").is_file()


def test_the_search_runs_and_trainer_takes_what_it_found(first: Path, folder: Path) -> None:
    tuner = (first / "Tuner.log").read_text("utf-8")
    assert "trial 1/1  trainer.learning_rate 0.002" in tuner
    assert "epoch 2/2" in tuner
    assert f'"checkpoint_folder": "{folder}/state/checkpoints"' in tuner
    assert "'hyperparameters': [Artifact" in (first / "Trainer.log").read_text("utf-8")


def test_the_approximate_index_is_pushed_beside_the_model(first: Path, folder: Path) -> None:
    (version,) = (folder / "pushed_index").iterdir()
    assert (version / "saved_model.pb").is_file()


def test_artifacts_are_in_the_bucket_and_name_no_folder_of_a_pod(first: Path, folder: Path) -> None:
    store = folder / "work" / "store"
    assert [path.name for path in (store / "minio").iterdir()] == ["a-bucket"]
    assert not (PROJECT / "minio:").exists()
    assert list((folder / "work" / "pods").iterdir()) == []
    nodes = {file.relative_to(store).parts[6] for file in store.rglob("Format-Serving/*.pb")}
    assert nodes == {"Trainer", "IndexBuilder"}


def test_every_nodes_log_is_in_the_bucket_as_kfps_interface_shows_it(
    first: Path, folder: Path
) -> None:
    # The second run publishes none.
    stored = {
        file.relative_to(folder / "work" / "store").parts[6]: file.read_bytes()
        for file in (folder / "work" / "store").rglob("executor-logs*")
    }
    kept = {file.stem: file.read_bytes() for file in first.iterdir()}
    assert stored == kept and "StatisticsKeeper" in stored


def test_the_pushed_model_answers(first: Path, folder: Path) -> None:
    item = (folder / "data" / "train.tsv").read_text("utf-8").splitlines()[1].split("\t")[1]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline.cli", "recommend", "--items", item, "-k", "3"),
            *("--out", str(folder)),
        ],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.strip()]) >= 3


@pytest.mark.exhaustive
def test_the_second_run_compares_with_the_firsts_model_and_data(first: Path, folder: Path) -> None:
    (pushed,) = (folder / "pushed").iterdir()
    accepted = len(list((folder / "state" / "accepted").iterdir()))
    # JSON for what is to be blessed, given when the run starts.
    status, output, logs = _run(
        folder, publish_logs="false", thresholds='{"honest/all/n": 10}', max_epochs="1"
    )
    assert status == 0, output
    for node in ("Tuner", "Trainer"):
        text = (logs / f"{node}.log").read_text("utf-8")
        assert "epoch 1/1" in text and "/2 " not in text, node
    assert f"The last pushed model is {pushed}" in (logs / "LatestBlessedModel.log").read_text(
        "utf-8"
    )
    assert "compared with the last accepted data" in (logs / "DataGate.log").read_text("utf-8")
    verdict = _verdict(folder, -1)
    assert _verdict(folder, 0)["last_blessed"]["status"] == "none"
    assert verdict["last_blessed"]["status"] in ("compared", "identical")
    assert verdict["options"]["thresholds"] == {"honest/all/n": 10}
    assert any(row["metric"] == "honest/all/n" for row in verdict["rows"])
    assert len(list((folder / "state" / "accepted").iterdir())) == accepted + 1


def _read_spec(folder: Path) -> dict[str, Any]:
    spec: dict[str, Any] = next(yaml.safe_load_all((folder / "pipeline.yaml").read_text("utf-8")))
    return spec


def _write_spec(
    folder: Path,
    nodes: set[str],
    name: str,
    command: list[str] | None = None,
    constants: Mapping[str, str] | None = None,
) -> None:
    """Writes a specification of some nodes, run by another command if one is given.

    `constants` are SessionExampleGen's, in place of runtime parameters.
    """
    spec = _read_spec(folder)
    tasks = spec["root"]["dag"]["tasks"]
    spec["root"]["dag"]["tasks"] = {node: tasks[node] for node in nodes}
    for task in spec["root"]["dag"]["tasks"].values():
        task["dependentTasks"] = [d for d in task.get("dependentTasks", []) if d in nodes]
    for key, value in (constants or {}).items():
        tasks["SessionExampleGen"]["inputs"]["parameters"][key] = {
            "runtimeValue": {"constant": value}
        }
    if command:
        for executor in spec["deploymentSpec"]["executors"].values():
            executor["container"]["command"] = command
    (folder / name).write_text(yaml.safe_dump(spec), "utf-8")


def _only(folder: Path, nodes: set[str], name: str, command: list[str] | None = None) -> None:
    """Writes a specification of some nodes that TFX's entrypoint reads, without parameters."""
    _write_spec(folder, nodes, name, command, {"input_base": str(folder / "data")})


@pytest.mark.exhaustive
@pytest.mark.parametrize("stock", [True, False], ids=["stock entrypoint", "our entrypoint"])
def test_tfxs_own_entrypoint_fails_at_the_first_node_with_inputs(
    folder: Path, tmp_path: Path, stock: bool
) -> None:
    _only(folder, {"SessionExampleGen", "StatisticsGen"}, "few.yaml", STOCK if stock else None)
    # A root that both can open: only what is to be shown shall differ.
    done = _call(
        *("run_locally.py", str(folder / "few.yaml"), "--work", str(tmp_path / "work")),
        *("--pipeline-root", str(tmp_path / "root")),
        # It dies on a published log already.
        *("--publish-logs", "false" if stock else "true"),
        *("--parameter", f"data_folder={folder / 'data'}"),
    )
    assert "SessionExampleGen ... " in done.stdout and "StatisticsGen ... " in done.stdout
    assert done.returncode == int(stock), done.stdout + done.stderr
    if stock:
        assert "StatisticsGen failed with exit status 1" in done.stderr
        assert "AttributeError: 'NoneType' object has no attribute 'get'" in done.stderr


def test_a_bucket_that_lost_an_artifact_is_reported_by_the_node_that_needs_it(
    folder: Path, tmp_path: Path
) -> None:
    _only(folder, {"SessionExampleGen", "StatisticsGen"}, "lost.yaml")
    spec = yaml.safe_load((folder / "lost.yaml").read_text("utf-8"))
    # The producer ends well and leaves nothing in the bucket.
    spec["deploymentSpec"]["executors"]["SessionExampleGen_executor"]["container"] = {
        "command": ["true"]
    }
    (folder / "lost.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    done = _call("run_locally.py", str(folder / "lost.yaml"), "--work", str(tmp_path / "work"))
    assert done.returncode == 1
    assert (
        "Node StatisticsGen failed: MissingInputError: input 'examples' is missing" in done.stderr
    )
    assert "minio://mlpipeline/session-retrieval/" in done.stderr


def test_data_that_are_not_there_stop_the_run_at_the_node_that_reads_them(folder: Path) -> None:
    _only(folder, {"SessionExampleGen"}, "gen.yaml")
    status, output, _ = _run(folder, "gen.yaml", data_folder=str(folder / "nowhere"))
    assert status == 1
    assert "Node SessionExampleGen failed: SessionDataError" in output
    assert str(folder / "nowhere") in output
