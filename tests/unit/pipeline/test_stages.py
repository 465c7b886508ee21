"""What each node of the stages reads, without running any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.trainer.node import TrainerExecutor, TunerExecutor
from modules.baselines.registry import BASELINES
from tests.pipelines import find_node, make_pipeline


def test_baselines_see_the_sessions_that_the_data_gate_let_pass(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    node = find_node(pipeline, "BaselineEvaluator")

    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"
    assert {above.id for above in node.upstream_nodes} == {"SessionExampleGen", "DataGate"}


@pytest.mark.parametrize(("refit", "splits"), [("true", ["train", "eval"]), ("false", ["train"])])
def test_baselines_learn_from_what_the_model_learns_from(
    tmp_path: Path, refit: str, splits: list[str]
) -> None:
    pipeline = make_pipeline(tmp_path, f"trainer.refit={refit}")
    properties = find_node(pipeline, "BaselineEvaluator").exec_properties
    vocabulary = json.loads(find_node(pipeline, "Transform").exec_properties["splits_config"])

    assert json.loads(properties["fit_splits"]) == vocabulary["analyze"] == splits
    assert properties["split"] == "test"
    assert json.loads(properties["options"])["names"] == list(BASELINES)
    assert len(properties["source_digest"]) == 64


def test_the_data_gate_sees_the_counts_of_the_sessions(tmp_path: Path) -> None:
    node = find_node(make_pipeline(tmp_path), "DataGate")
    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"


def test_a_refused_model_has_a_report_that_shows_the_configuration(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, "trainer.max_epochs=3")
    node = find_node(pipeline, "Report")
    waiting, above = [node], set()
    while waiting:
        found = waiting.pop()
        above.add(found.id)
        waiting += found.upstream_nodes

    assert "Pusher" not in above and "ModelGate" in above
    assert json.loads(node.exec_properties["config"])["trainer"]["max_epochs"] == 3
    assert len(node.exec_properties["code_digest"]) == 64
    assert len(node.exec_properties["page_digest"]) == 64


def test_days_are_taken_together_only_where_that_is_wanted(tmp_path: Path) -> None:
    alone = make_pipeline(tmp_path)
    assert "previous_verdict" not in find_node(alone, "ModelGate").inputs
    assert "PreviousVerdict" not in {node.id for node in alone.components}
    together = make_pipeline(tmp_path, "gate.pooled_days=7")
    found = find_node(together, "ModelGate").inputs["previous_verdict"]
    assert (found.producer_component_id, found.output_key) == ("PreviousVerdict", "verdict")
    upstream = find_node(together, "PreviousVerdict").upstream_nodes
    assert {node.id for node in upstream} == {"SessionExampleGen"}


def test_by_default_nothing_is_taken_over_from_an_earlier_model(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    assert "BaseModel" not in {node.id for node in pipeline.components}
    assert "base_model" not in find_node(pipeline, "Trainer").inputs


@pytest.mark.parametrize(
    ("setting", "weights"), [("trainer.warm_start=true", 1), ("trainer.selection_days=7", 0)]
)
def test_trainer_starts_from_the_model_before(tmp_path: Path, setting: str, weights: int) -> None:
    pipeline = make_pipeline(tmp_path, setting)
    node = find_node(pipeline, "BaseModel")
    pusher = json.loads(find_node(pipeline, "Pusher").exec_properties["push_destination"])

    base = find_node(pipeline, "Trainer").inputs["base_model"]
    assert base.producer_component_id == "BaseModel"
    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"
    assert node.exec_properties["weights"] == weights
    assert node.exec_properties["push_folder"] == pusher["filesystem"]["base_directory"]
    assert json.loads(node.exec_properties["fit_splits"]) == ["train", "eval"]


def test_hooks_change_the_cache_key_of_no_node(tmp_path: Path) -> None:
    plain = make_pipeline(tmp_path)
    hooked = make_pipeline(tmp_path, "hooks.on_event=https://example.org/", "hooks.stale_days=9")
    assert [(node.id, node.exec_properties) for node in hooked.components] == [
        (node.id, node.exec_properties) for node in plain.components
    ]


def test_items_reach_the_nodes_that_show_them_only_if_there_is_a_file(tmp_path: Path) -> None:
    alone = make_pipeline(tmp_path)
    assert "ItemGen" not in {node.id for node in alone.components}
    (tmp_path / "items.csv").write_text("item_id,name\na,A\n")
    file = tmp_path / "items.csv"
    pipeline = make_pipeline(tmp_path, f"items.file={file}", "items.name_column=name")
    for name in ("Report", "Pusher"):
        assert "items" not in find_node(alone, name).inputs
        assert find_node(pipeline, name).inputs["items"].producer_component_id == "ItemGen"
    states = [find_node(pipeline, "ItemGen").exec_properties["file_state"]]
    file.write_text("item_id,name\na,other\n")
    pipeline = make_pipeline(tmp_path, f"items.file={file}", "items.name_column=name")
    states.append(find_node(pipeline, "ItemGen").exec_properties["file_state"])
    assert len({*states}) == 2
    changed = {node.id for node in pipeline.components} - {node.id for node in alone.components}
    assert changed == {"ItemGen"}


def test_items_reach_the_nodes_that_train_only_with_item_features(tmp_path: Path) -> None:
    """Without them, TFX's own executors run."""
    (tmp_path / "items.csv").write_text("item_id,kind\na,A\n")
    options = (f"items.file={tmp_path / 'items.csv'}", "tuner.enabled=true")
    alone = make_pipeline(tmp_path, *options)
    pipeline = make_pipeline(tmp_path, *options, "model.item_features=[kind]")
    for name, executor in {"Trainer": TrainerExecutor, "Tuner": TunerExecutor}.items():
        assert "items" not in find_node(alone, name).inputs
        node = find_node(pipeline, name)
        assert node.inputs["items"].producer_component_id == "ItemGen"
        assert node.executor_spec.executor_class is executor
        assert find_node(alone, name).executor_spec.executor_class is not executor
    assert json.loads(find_node(pipeline, "ItemGen").exec_properties["features"]) == ["kind"]
