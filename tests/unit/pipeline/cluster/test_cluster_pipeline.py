"""The pipeline of a cluster, without compiling it."""

from __future__ import annotations

import json

from components.session_example_gen.settings import read_settings
from modules.config.options.data import TailOptions
from pipeline.cluster.cluster_pipeline import create_cluster_pipeline, load_cluster_config
from pipeline.cluster.deployment import load_deployment
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
