"""The graph of nodes, without running any."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline
from tests.pipelines import find_node, make_pipeline


def test_without_a_test_split_no_node_reads_one(tmp_path: Path) -> None:
    (tmp_path / "clicks.tsv").write_text("SessionId\tItemId\tTime\n")
    overrides = ["evaluation.split=eval", "trainer.refit=false"]
    config = load_config("custom", overrides, DataPaths(train=str(tmp_path / "clicks.tsv")))
    for node in create_pipeline(config, Paths.under(tmp_path / "out")).components:
        splits = {value for name, value in node.exec_properties.items() if "split" in name}
        assert not any('test"' in str(value) or value == "test" for value in splits), node.id
    assert "test" in str(
        find_node(make_pipeline(tmp_path), "ServingValidator").exec_properties["split"]
    )
