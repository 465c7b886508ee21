"""The graph of nodes, without running any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.orchestration.pipeline import Pipeline

from modules.baselines import BASELINES
from pipeline.config import Paths, load_config
from pipeline.data_files import DataPaths
from pipeline.pipeline import create_pipeline


def _pipeline(folder: Path, *overrides: str) -> Pipeline:
    for name in ("train.tsv", "test.tsv"):
        (folder / name).write_text("SessionId\tItemId\tTime\n")
    data = DataPaths(train=str(folder / "train.tsv"), test=str(folder / "test.tsv"))
    return create_pipeline(load_config("custom", overrides, data), Paths.under(folder / "out"))


def _node(pipeline: Pipeline, name: str):
    return next(node for node in pipeline.components if node.id == name)


def test_baselines_see_the_sessions_that_the_data_gate_let_pass(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path)
    node = _node(pipeline, "BaselineEvaluator")

    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"
    assert {above.id for above in node.upstream_nodes} == {"SessionExampleGen", "DataGate"}


@pytest.mark.parametrize(("refit", "splits"), [("true", ["train", "eval"]), ("false", ["train"])])
def test_baselines_learn_from_what_the_model_learns_from(
    tmp_path: Path, refit: str, splits: list[str]
) -> None:
    pipeline = _pipeline(tmp_path, f"trainer.refit={refit}")
    properties = _node(pipeline, "BaselineEvaluator").exec_properties
    vocabulary = json.loads(_node(pipeline, "Transform").exec_properties["splits_config"])

    assert json.loads(properties["fit_splits"]) == vocabulary["analyze"] == splits
    assert properties["judged_split"] == "test"
    assert json.loads(properties["options"])["names"] == list(BASELINES)
    assert len(properties["source_digest"]) == 64


def test_a_refused_model_has_a_report_that_shows_the_configuration(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path, "trainer.epochs=3")
    node = _node(pipeline, "Report")
    waiting, above = [node], set()
    while waiting:
        found = waiting.pop()
        above.add(found.id)
        waiting += found.upstream_nodes

    assert "Pusher" not in above and "ModelGate" in above
    assert json.loads(node.exec_properties["config"])["trainer"]["epochs"] == 3
    assert len(node.exec_properties["code_digest"]) == 64
    assert len(node.exec_properties["page_digest"]) == 64
