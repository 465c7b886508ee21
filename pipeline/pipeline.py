"""The TFX pipeline: session TSVs in, an evaluated and pushed retrieval model out."""

from __future__ import annotations

from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from pipeline.config import Config
from pipeline.paths import Paths
from pipeline.previous_run import EarlierRuns, of_local_runs
from pipeline.stages import (
    data_stage,
    evaluation_stage,
    push_stage,
    report_node,
    training_stage,
)


def create_pipeline(config: Config, paths: Paths, earlier: EarlierRuns | None = None) -> Pipeline:
    """Builds the pipeline; nothing runs and nothing is written.

    Args:
      config: configuration of the run.
      paths: paths of code and results.
      earlier: nodes that find the results of earlier runs; by default those of local runs.
    """
    earlier = earlier or of_local_runs(paths.push_folder)
    data = data_stage(config, paths, earlier)
    training = training_stage(config, paths, data)
    evaluation = evaluation_stage(config, data, training, earlier)
    report = report_node(config, data, training, evaluation)
    push = push_stage(config, paths, data, training, evaluation, earlier)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=paths.pipeline_root,
        components=[*data.nodes, *training.nodes, *evaluation.nodes, report, *push],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(paths.metadata),
        beam_pipeline_args=list(config.beam_pipeline_args),
    )
