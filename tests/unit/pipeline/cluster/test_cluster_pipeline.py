"""The pipeline of a cluster, without compiling it."""

from __future__ import annotations

import json

import pytest

from components.session_example_gen.settings import read_settings
from modules.config.options.data import TailOptions
from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.runners import flag_value
from pipeline.cluster.cluster_pipeline import (
    create_cluster_pipeline,
    load_cluster_config,
    runtime_parameters,
)
from pipeline.cluster.deployment import load_deployment
from pipeline.config import ConfigError
from pipeline.paths import PROJECT

HERE = PROJECT / "kubeflow"


def test_one_file_is_enough_on_a_cluster() -> None:
    deployment = load_deployment(HERE / "oss.yaml")
    overrides = ["data.test=null", "data.test_days=2"]
    config = load_cluster_config("custom", overrides, deployment.beam)
    nodes = {node.id: node for node in create_cluster_pipeline(config, deployment).components}
    properties = nodes["SessionExampleGen"].exec_properties
    splits = json.loads(properties["input_config"])["splits"]
    assert [(split["name"], split["pattern"]) for split in splits] == [("train", "train.tsv")]
    assert read_settings(properties).tail == TailOptions(test_days=2)


def test_the_verdict_is_kept_where_the_next_run_looks_for_it() -> None:
    deployment = load_deployment(HERE / "oss.yaml")
    config = load_cluster_config("custom", ["gate.pooled_days=7"], deployment.beam)
    nodes = {node.id: node for node in create_cluster_pipeline(config, deployment).components}
    keeper, found = nodes["VerdictKeeper"], nodes["PreviousVerdict"]
    assert keeper.inputs["verdict"].producer_component_id == "ModelGate"
    assert keeper.exec_properties["folder"] == found.exec_properties["folder"]
    assert found.exec_properties["folder"].startswith(deployment.state_folder)


def test_the_list_of_offered_items_is_compiled_in() -> None:
    deployment = load_deployment(HERE / "oss.yaml")
    for offers in ("gs://bucket/in_stock.txt", "/volume/in_stock.txt"):
        config = load_cluster_config("custom", [f"serving.offer_file={offers}"], deployment.beam)
        nodes = {node.id: node for node in create_cluster_pipeline(config, deployment).components}
        settings = json.loads(nodes["Pusher"].exec_properties["custom_config"])
        assert (settings["offer_file"], settings["list_state"]) == (offers, "")
        assert "offer_file" not in nodes["ServingValidator"].exec_properties["options"]


def test_the_files_of_items_are_a_parameter_of_the_run() -> None:
    deployment = load_deployment(HERE / "oss.yaml")
    config = load_cluster_config("custom", ["items.file=gs://b/items-*.pq"], deployment.beam)
    nodes = {node.id: node for node in create_cluster_pipeline(config, deployment).components}
    item_gen = nodes["ItemGen"].exec_properties
    assert json.loads(item_gen["options"])["file"] == "gs://b/items-*.pq"
    assert item_gen["file_state"] == ""
    (parameter,) = (
        each for each in runtime_parameters(config, deployment) if each.name == "items_file"
    )
    for node, binding in parameter.bindings.items():
        properties = dict(nodes[node].exec_properties)
        binding.apply(properties, "gs://b/new.pq")
        assert "gs://b/new.pq" in properties[binding.prop]
        assert "gs://b/items-" not in properties[binding.prop]
    without = runtime_parameters(load_cluster_config("custom", [], "direct"), deployment)
    assert "items_file" not in {each.name for each in without}
    with pytest.raises(ConfigError, match=r"items\.file must be a URI or a path in a volume"):
        load_cluster_config("custom", ["items.file=items.csv"], "direct")


@pytest.mark.parametrize(
    ("offers", "problem"),
    [("in_stock.txt", "must be a URI or a path in a volume"), ("minio://b/l", "minio://")],
)
@pytest.mark.parametrize("option", ["serving.offer_file", "sessions.forget_file"])
def test_a_list_that_pods_cannot_read_is_refused(option: str, offers: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_cluster_config("custom", [f"{option}={offers}"], "direct")


def test_the_deployments_parallelism_is_flinks() -> None:
    config = load_cluster_config("custom", [], "flink", parallelism=12)
    assert flag_value(config.beam_pipeline_args, "--parallelism") == "12"
    assert config.beam == load_beam_preset("flink").options
    kept = load_cluster_config("custom", [], "flink")
    assert kept.beam_pipeline_args == load_beam_preset("flink").flags
    with pytest.raises(ConfigError, match=r"parallelism is 12, but .* has no --parallelism"):
        load_cluster_config("custom", [], "direct", parallelism=12)
