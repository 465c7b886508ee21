"""Beam's jobs on portable runners, with workers in other processes: equal to the local runner's.

Prism speaks the protocol of Flink and Spark; `make prism` builds it, and without it these tests are
skipped. On Flink they run where FLINK_HOME and JOB_SERVER_JAR are set, see deploy/flink/README.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.components.evaluator.component import Evaluator
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from modules.config.options.evaluation import EvaluationOptions
from modules.evaluation.tfma_metrics import eval_config
from modules.ingest.report import read_report
from pipeline.beam import readiness
from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.prism import built_prism, with_prism
from pipeline.cli.main import main
from pipeline.config import LOCAL_BEAM, load_config
from pipeline.data_files import DataPaths
from pipeline.paths import PROJECT, Paths
from pipeline.previous_run import of_local_runs
from pipeline.run.launch import child_environment
from pipeline.run.mlmd import read_run
from pipeline.sample.generate import write_sample
from pipeline.stages import data_stage
from pipeline.tfx_nodes import create_transform
from tests.local_ports import free_port, wait_for_port

NO_PRISM = "Prism is not built: `make prism` does that (needs Go)"
NO_FLINK = "FLINK_HOME and JOB_SERVER_JAR are not set"


@contextlib.contextmanager
def _prism(folder: Path) -> Iterator[list[str]]:
    """The preset's flags, with workers of an external pool in place of those that it starts."""
    if not built_prism().is_file():
        pytest.skip(NO_PRISM)
    port = free_port()
    with (folder / "pool.log").open("wb") as log:
        pool = subprocess.Popen(
            [sys.executable, "-m", "tests.worker_pool", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
        )
    try:
        wait_for_port(port, pool)
        external = ["--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
        yield [*with_prism(load_beam_preset("prism").flags), *external]
    finally:
        pool.kill()
        pool.wait()


@contextlib.contextmanager
def _flink(folder: Path) -> Iterator[list[str]]:
    """The flags of the preset that deploy/flink/up.sh writes."""
    if not {"FLINK_HOME", "JOB_SERVER_JAR"} <= {*os.environ}:
        pytest.skip(NO_FLINK)
    environment = {**os.environ, "PYTHON": sys.executable, "FLINK_STATE": str(folder)}
    for script in ("up.sh", "down.sh"):
        command = ["sh", str(PROJECT / "deploy" / "flink" / script)]
        subprocess.run(command, env=environment, check=True, timeout=600)
        if script == "up.sh":
            yield list(load_beam_preset(str(folder / "beam.yaml")).flags)


@pytest.fixture(scope="module", params=[_prism, _flink], ids=["prism", "flink"])
def flags(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Flags of a portable runner."""
    with request.param(tmp_path_factory.mktemp("runner")) as found:
        yield found


def _run_data_nodes(folder: Path, log: Path, flags: list[str]) -> dict[str, Path]:
    """Runs the pipeline's own nodes up to Transform; returns the folders of their outputs."""
    files = DataPaths(train=str(log / "train.tsv"), test=str(log / "test.tsv"))
    chosen = ["user_code=module_path", f"beam_pipeline_args={json.dumps(flags)}"]
    config, paths = load_config("custom", chosen, files), Paths.under(folder)
    data = data_stage(config, paths, of_local_runs(paths.push_folder))
    transform = create_transform(config, paths, data.examples, data.schema)
    transform.add_upstream_node(data.gate)
    LocalDagRunner().run(
        Pipeline(
            pipeline_name=config.name,
            pipeline_root=paths.pipeline_root,
            components=[*data.nodes, transform],
            metadata_connection_config=metadata.sqlite_metadata_connection_config(paths.metadata),
            beam_pipeline_args=flags,
        )
    )
    made = read_run(paths.metadata, config.name)
    names = ("examples", "statistics", "transform_graph", "transformed_examples")
    return {name: Path(made.output(name).uri) for name in names}


def _plain(record: bytes) -> bytes:
    """Returns an Example with its features in one order: processes differ in that of mappings."""
    example = tf.train.Example.FromString(record)
    plain: bytes = example.SerializeToString(deterministic=True)
    return plain


def _records(folder: Path) -> dict[str, list[bytes]]:
    """Returns the sorted records of each split; how a runner shards them is its own matter."""
    return {
        split.name: sorted(
            _plain(record.numpy())
            for file in split.glob("*.gz")
            for record in tf.data.TFRecordDataset(str(file), "GZIP")
        )
        for split in folder.glob("Split-*")
    }


@pytest.fixture(scope="module")
def made(
    flags: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Outputs of the local runner, and of the portable one."""
    folder = tmp_path_factory.mktemp("data")
    write_sample(folder, sessions=300)
    with (folder / "train.tsv").open("a", encoding="utf-8") as log:
        log.write("a bad row\n")
    local = _run_data_nodes(folder / "local", folder, list(LOCAL_BEAM))
    return local, _run_data_nodes(folder / "portable", folder, flags)


def test_sessions_are_equal(made: Any) -> None:
    local, portable = (_records(outputs["examples"]) for outputs in made)
    assert portable == local
    assert {name: len(records) > 10 for name, records in local.items()} == dict.fromkeys(
        ("Split-train", "Split-eval", "Split-test"), True
    )


def test_rejects_and_counts_are_equal(made: Any) -> None:
    reports = [read_report(str(outputs["examples"])) for outputs in made]
    assert reports[0] == reports[1] and reports[0].counts["train.rows_rejected.field_count"] == 1
    rejects = [
        sorted(file.read_bytes() for file in outputs["examples"].glob("rejects/*.jsonl"))
        for outputs in made
    ]
    assert rejects[0] == rejects[1] != []


def _statistics(folder: Path) -> tuple[dict[tuple[str, ...], Any], list[float]]:
    """Returns statistics by split and feature, and apart what adding up in any order rounds."""
    found: dict[tuple[str, ...], Any] = {}
    rounded = []
    for file in sorted(folder.glob("*/FeatureStats.pb")):
        (data,) = DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
        found[(file.parent.name,)] = data.num_examples
        for feature in sorted(data.features, key=lambda each: str(each.path)):
            if feature.HasField("num_stats"):
                rounded += [feature.num_stats.mean, feature.num_stats.std_dev]
                feature.num_stats.ClearField("mean")
                feature.num_stats.ClearField("std_dev")
            found[(file.parent.name, *feature.path.step, feature.name)] = feature
    return found, rounded


def test_statistics_are_equal(made: Any) -> None:
    local, portable = (_statistics(outputs["statistics"]) for outputs in made)
    assert portable[0] == local[0]
    assert portable[1] == pytest.approx(local[1], rel=1e-9)
    assert {name[0] for name in local[0]} == {"Split-train", "Split-eval", "Split-test"}
    assert len(local[0]) > 10 and len(local[1]) >= 6


def test_vocabulary_and_windows_are_equal(made: Any) -> None:
    def vocabulary(outputs: dict[str, Path]) -> dict[str, bytes]:
        folder = outputs["transform_graph"] / "transform_fn" / "assets"
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    local, portable = made
    assert vocabulary(portable) == vocabulary(local) != {}
    windows = _records(local["transformed_examples"])
    assert _records(portable["transformed_examples"]) == windows
    assert set(windows) == {"Split-train", "Split-eval"} and all(windows.values())


def _evaluate(folder: Path, examples: str, model: str, flags: list[str]) -> dict[Any, float]:
    """Runs Evaluator alone; returns its metrics by slice and name."""
    inputs = {
        "Examples": (standard_artifacts.Examples, examples, {"split_names": '["test"]'}),
        "Model": (standard_artifacts.Model, model, None),
    }
    importers = {
        name: Importer(source_uri=uri, artifact_type=kind, properties=properties).with_id(name)
        for name, (kind, uri, properties) in inputs.items()
    }
    evaluator = Evaluator(
        examples=importers["Examples"].outputs["result"],
        model=importers["Model"].outputs["result"],
        example_splits=["test"],
        eval_config=eval_config(EvaluationOptions(), "digest"),
    )
    connection = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="evaluate",
            pipeline_root=str(folder),
            components=[*importers.values(), evaluator],
            metadata_connection_config=connection,
            beam_pipeline_args=flags,
        )
    )
    (output,) = (folder / "Evaluator" / "evaluation").iterdir()
    return {
        (str(record.slice_key), entry.key.name): entry.value.double_value.value
        for record in tfma.load_metrics(str(output))
        for entry in record.metric_keys_and_values
    }


def test_metrics_are_equal(
    flags: list[str], trained_model: Any, judged_examples: Any, tmp_path: Path
) -> None:
    places = (judged_examples.uri, trained_model.uri)
    (tmp_path / "local").mkdir()
    (tmp_path / "portable").mkdir()
    local = _evaluate(tmp_path / "local", *places, list(LOCAL_BEAM))
    portable = _evaluate(tmp_path / "portable", *places, flags)
    # Of a slice without steps there is no mean.
    assert portable == pytest.approx(local, abs=1e-6, nan_ok=True)
    assert sum(value > 0 for value in local.values()) > 64


def test_recommendations_of_a_batch_are_equal(
    flags: list[str], trained: Any, tmp_path: Path
) -> None:
    write_sample(tmp_path, sessions=60)
    beam = [word for flag in flags for word in ("--beam", flag)]
    where = [
        *("--sessions", str(tmp_path / "test.tsv"), "--shards", "3"),
        *("--model", str(trained.folder / "model")),
    ]
    assert main(["batch", *where, "--to", str(tmp_path / "local")]) == 0
    assert main(["batch", *where, "--to", str(tmp_path / "portable"), *beam]) == 0

    def answers(name: str) -> list[list[str]]:
        files = sorted((tmp_path / name).glob("*.tsv"))
        assert len(files) == 3
        return [line.split("\t") for file in files for line in file.read_text("utf-8").splitlines()]

    local, portable = answers("local"), answers("portable")
    assert [row[:3] for row in portable] == [row[:3] for row in local]
    expected = pytest.approx([float(row[3]) for row in local if row[0] != "SessionId"], rel=1e-6)
    assert [float(row[3]) for row in portable if row[0] != "SessionId"] == expected
    assert len(local) > 20


@pytest.mark.parametrize("name", ["local-parallel", "prism"])
def test_the_presets_own_workers_are_ready(name: str, tmp_path: Path) -> None:
    """Each in a process of its own, which the run's process starts."""
    if name == "prism" and not built_prism().is_file():
        pytest.skip(NO_PRISM)
    for file in ("train.tsv", "test.tsv"):
        (tmp_path / file).write_text("")
    data = DataPaths(train=str(tmp_path / "train.tsv"), test=str(tmp_path / "test.tsv"))
    preset = load_beam_preset(name)
    flags = json.dumps(with_prism(preset.flags))
    config = load_config("custom", [*preset.overrides(), f"beam_pipeline_args={flags}"], data)
    environment = child_environment(os.environ, tmp_path)
    assert readiness.try_workers(config, tmp_path, environment) == ""
