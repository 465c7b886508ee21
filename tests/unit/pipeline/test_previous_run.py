"""What a run finds of earlier ones; with real models, the end-to-end tests do."""

from __future__ import annotations

from pathlib import Path

from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, ExampleStatistics, Model

from pipeline.previous_run import BLESSED_MODEL_ID, of_local_runs
from tests.pipelines import find_node, make_pipeline


def _newest(folder: Path) -> str:
    node = find_node(make_pipeline(folder), BLESSED_MODEL_ID)
    assert node.exec_properties["push_folder"] == str(folder / "out" / "pushed")
    return node.exec_properties["newest"]


def test_the_cache_sees_each_push_and_each_version_that_is_taken_back(tmp_path: Path) -> None:
    pushed = tmp_path / "out" / "pushed"
    assert _newest(tmp_path) == ""
    for name in ("99", "1000"):
        (pushed / name).mkdir(parents=True)
        assert _newest(tmp_path) == name
    (pushed / "1000").rmdir()
    assert _newest(tmp_path) == "99"


def test_accepted_data_come_from_the_metadata(tmp_path: Path) -> None:
    earlier = of_local_runs(str(tmp_path))
    examples = Channel(type=Examples, producer_component_id="SessionExampleGen")
    assert earlier.blessed_model(examples).outputs["model"].type is Model
    accepted = earlier.accepted_statistics(examples)
    assert accepted.outputs["statistics"].type is ExampleStatistics
    assert earlier.keep(None, None, None) == []  # the metadata keep them


def test_they_reach_the_nodes_that_compare_with_them(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    gate, data_gate = find_node(pipeline, "ModelGate"), find_node(pipeline, "DataGate")
    assert gate.inputs["last_blessed_model"].producer_component_id == BLESSED_MODEL_ID
    accepted = data_gate.inputs["previous_statistics"].producer_component_id
    assert accepted == "AcceptedStatistics"


def test_the_cache_sees_another_list_of_offered_items(tmp_path: Path) -> None:
    offers, earlier = tmp_path / "in_stock.txt", of_local_runs(str(tmp_path))
    states = [earlier.list_state(""), earlier.list_state(str(offers))]
    for text in ("7\n", "8\n"):
        offers.write_text(text)
        states.append(earlier.list_state(str(offers)))
    assert states[0] == "" and len(set(states)) == 4
