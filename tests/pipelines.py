"""Pipelines of empty logs, and their nodes."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline


def make_pipeline(folder: Path, *overrides: str) -> Pipeline:
    """Returns the pipeline of the preset `custom` with other options."""
    for name in ("train.tsv", "test.tsv"):
        (folder / name).write_text("SessionId\tItemId\tTime\n")
    data = DataPaths(train=str(folder / "train.tsv"), test=str(folder / "test.tsv"))
    return create_pipeline(load_config("custom", overrides, data), Paths.under(folder / "out"))


def find_node(pipeline: Pipeline, name: str) -> BaseNode:
    """Returns the node with an id."""
    return next(node for node in pipeline.components if node.id == name)
