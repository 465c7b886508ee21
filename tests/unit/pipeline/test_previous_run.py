"""What a run finds of earlier ones; with real models, the end-to-end tests do."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.common.resolver import Resolver
from tfx.types.standard_artifacts import ExampleStatistics, Model

from pipeline.previous_run import BLESSED_MODEL_ID, from_metadata
from tests.pipelines import find_node, make_pipeline


def test_the_last_blessed_model_and_accepted_data_come_from_the_metadata() -> None:
    earlier = from_metadata()
    assert isinstance(earlier.blessed_model, Resolver)
    assert earlier.blessed_model.id == BLESSED_MODEL_ID
    assert earlier.blessed_model.outputs["model"].type is Model
    assert earlier.accepted_statistics.outputs["statistics"].type is ExampleStatistics
    assert earlier.keep(None, None) == []  # the metadata keep them


def test_they_reach_the_nodes_that_compare_with_them(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    gate, data_gate = find_node(pipeline, "ModelGate"), find_node(pipeline, "DataGate")
    assert gate.inputs["last_blessed_model"].producer_component_id == BLESSED_MODEL_ID
    accepted = data_gate.inputs["previous_statistics"].producer_component_id
    assert accepted == from_metadata().accepted_statistics.id
