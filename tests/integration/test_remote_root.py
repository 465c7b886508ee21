"""All nodes, from click logs to pushed models, with every file but the metadata at a URI."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from modules.ann.pq_index import holds_index
from modules.ann.recommender import load_recommender
from pipeline.config import Config, load_config
from pipeline.data_files import DataPaths
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline
from pipeline.run.mlmd import RunRecord, read_run
from pipeline.sample.generate import write_sample
from tests import file_uris

# What is learned does not matter here, only that all is read and written.
SETTINGS = (
    *(
        "model.ensemble_size=1",
        "model.embedding_dim=8",
        "model.gru_units=8",
        "trainer.max_epochs=1",
    ),
    *("trainer.refit=false", "model.num_neighbors=0", "model.copy_lags=1"),
    *("gate.beat_baselines=[]", "gate.resamples=100", "baselines.names=[popularity]"),
    *(
        "user_code=module_path",
        "serving.sessions=5",
        "index.kind=pq",
        "index.sessions=5",
        "index.max_p99_ratio=null",
    ),
)


def _config(bucket: str, folder: Path) -> Config:
    write_sample(folder, sessions=300)
    for name in ("train.tsv", "test.tsv"):
        content = (folder / name).read_bytes()
        file_uris.write(f"{bucket}/data/{name.removesuffix('.tsv')} [1]/{name}", content)
    paths = DataPaths(f"{bucket}/data", test=f"{bucket}/data/**/te*")
    return load_config("custom", [*SETTINGS, "data.train='train [1]/train.tsv'"], paths)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> str:
    return file_uris.uri(tmp_path_factory.mktemp("bucket"))


@pytest.fixture(scope="module")
def run(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("remote")
    config = _config(bucket, folder / "data")
    paths = dataclasses.replace(
        Paths.under(folder),
        pipeline_root=f"{bucket}/root",
        push_folder=f"{bucket}/pushed",
        checkpoint_folder=f"{bucket}/checkpoints",
        rejects=f"{bucket}/rejects.jsonl",
    )
    LocalDagRunner().run(create_pipeline(config, paths))
    return read_run(paths.metadata, config.name)


def test_every_node_runs(run: RunRecord, bucket: str) -> None:
    assert {node.state for node in run.nodes.values()} == {"COMPLETE"}
    assert {"SessionExampleGen", "Trainer", "Report", "IndexPusher"} <= {*run.nodes}
    uris = [found.uri for node in run.nodes.values() for found in node.outputs.values()]
    assert all(uri.startswith(bucket) for uri in uris)


def test_what_was_made_is_whole(run: RunRecord, bucket: str) -> None:
    counts = run.output("examples").properties
    assert counts["train.files"] == counts["test.files"] == 1
    assert json.loads(_text(run, "verdict", "verdict.json"))["blessed"]
    assert json.loads(_text(run, "index_verdict", "verdict.json"))["passed"]
    page = _text(run, "page", "report.html")
    assert "could not be made" not in page and "mean loss" in page
    for folder in ("pushed", "pushed_index"):
        (version,) = Path(file_uris.local(bucket), folder).iterdir()
        assert holds_index(f"{bucket}/{folder}/{version.name}") == (folder == "pushed_index")
        model = load_recommender(f"{bucket}/{folder}/{version.name}")
        answer = model.signatures["recommend"](item_ids=tf.constant([[""]]))
        assert answer["item_ids"].numpy()[0, 0]


def _text(run: RunRecord, output: str, name: str) -> str:
    return Path(file_uris.local(run.output(output).uri), name).read_text("utf-8")
