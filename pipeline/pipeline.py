"""The TFX pipeline: session TSVs in, a judged and pushed retrieval model out."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from tfx.components.evaluator.component import Evaluator
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.infra_validator.component import InfraValidator
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import (
    example_gen_pb2,
    infra_validator_pb2,
    trainer_pb2,
    transform_pb2,
)
from tfx.types import Channel

from components.baseline_evaluator.component import BaselineEvaluator
from components.data_gate.component import DataGate
from components.model_gate.component import ModelGate
from components.report.component import Report
from components.schema_import.component import ImportSchemaGen
from components.serving_validator.component import ServingValidator
from components.session_example_gen.component import SessionExampleGen
from modules.config.parsing import to_plain
from modules.evaluation.tfma_metrics import eval_config
from pipeline.code_fingerprint import PROJECT, file_digest, source_digest
from pipeline.config import Config, Paths
from pipeline.previous_run import EarlierRuns, from_metadata
from pipeline.pushing import create_index_nodes, create_pusher

SCHEMA_FILE = "session_schema.pbtxt"
# What the report shows is made by this code and its own. An edit of it makes a new page in any
# case, since nodes above the report run again; edits of other code do not.
_REPORTED_CODE = (
    "components.session_example_gen.component",
    "components.data_gate.component",
    "modules.preprocessing",
    "components.baseline_evaluator.component",
    "modules.trainer",
    "modules.evaluation.tfma_metrics",
    "components.model_gate.component",
    "components.serving_validator.component",
    "components.report.component",
)


def create_pipeline(config: Config, paths: Paths, earlier: EarlierRuns | None = None) -> Pipeline:
    """Builds the pipeline; nothing runs and nothing is written.

    Args:
      config: what is computed.
      paths: where code is read and results go.
      earlier: finds what earlier runs left; by default in ML Metadata, which Kubeflow has not.
    """
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=paths.pipeline_root,
        components=create_components(config, paths, earlier or from_metadata()),
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(paths.metadata),
        beam_pipeline_args=list(config.beam_pipeline_args),
    )


def create_components(config: Config, paths: Paths, earlier: EarlierRuns) -> list[BaseNode]:
    """Builds all nodes of the pipeline, in the order in which data goes through them."""
    example_gen = _example_gen(config, paths)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = ImportSchemaGen(
        schema_file=os.path.join(paths.schema, SCHEMA_FILE),
        schema_digest=file_digest(PROJECT / "pipeline" / "schema" / SCHEMA_FILE),
    )
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    data_gate = DataGate(
        statistics=statistics,
        anomalies=validator.outputs["anomalies"],
        schema=schema,
        previous_statistics=earlier.accepted_statistics.outputs["statistics"],
        examples=examples,
        options=config.checks,
        source_digest=source_digest("components.data_gate.component"),
    )
    transform = _transform(config, paths, examples, schema)
    transform.add_upstream_node(data_gate)
    baseline_evaluator = _baseline_evaluator(config, examples)
    baseline_evaluator.add_upstream_node(data_gate)
    tuner = _tuner(config, paths, transform)
    trainer = _trainer(config, paths, transform, tuner)
    evaluator = _evaluator(config, examples, trainer)
    model_gate = ModelGate(
        examples=examples,
        evaluation=evaluator.outputs["evaluation"],
        model=trainer.outputs["model"],
        baseline_ranks=baseline_evaluator.outputs["baseline_ranks"],
        last_blessed_model=earlier.blessed_model.outputs["model"],
        options=config.gate,
        evaluation_options=config.evaluation,
        fit_splits=_learned_splits(config),
        source_digest=source_digest("components.model_gate.component"),
    )
    serving_nodes = _serving_validator(config, trainer, examples)
    report = Report(
        config=to_plain(config),
        verdict=model_gate.outputs["verdict"],
        examples=examples,
        data_report=data_gate.outputs["report"],
        transform_graph=transform.outputs["transform_graph"],
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        serving_report=serving_nodes[-1].outputs["report"],
        code_digest=source_digest(*_REPORTED_CODE, *(["modules.tuner"] if tuner else [])),
    )
    pusher = create_pusher(
        model=trainer.outputs["model"],
        model_blessing=model_gate.outputs["blessing"],
        infra_blessing=serving_nodes[-1].outputs["blessing"],
        folder=paths.push_folder,
        source_digest=source_digest("components.pusher.executor"),
    )
    return [
        example_gen,
        statistics_gen,
        schema_gen,
        validator,
        earlier.accepted_statistics,
        data_gate,
        *earlier.keep(statistics, data_gate),
        transform,
        *([tuner] if tuner else []),
        baseline_evaluator,
        trainer,
        earlier.blessed_model,
        evaluator,
        model_gate,
        *serving_nodes,
        report,
        pusher,
        *create_index_nodes(config, paths, examples, pusher, source_digest),
    ]


def _example_gen(config: Config, paths: Paths) -> SessionExampleGen:
    patterns = {
        "train": config.data.train,
        "eval": config.data.eval,
        "test": config.data.test,
    }
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=pattern)
        for name, pattern in patterns.items()
        if pattern
    ]
    return SessionExampleGen(
        input_base=config.data.folder or "/",
        input_config=example_gen_pb2.Input(splits=splits),
        sessions=config.sessions,
        source_digest=source_digest("components.session_example_gen.component"),
        kept_rejects=paths.rejects,
        tail=config.data.tail,
    )


def _learned_splits(config: Config) -> list[str]:
    """Returns the splits that the final model and the baselines learn from; never test."""
    return ["train", "eval"] if config.trainer.refit else ["train"]


def _baseline_evaluator(config: Config, examples: Channel) -> BaselineEvaluator:
    return BaselineEvaluator(
        examples=examples,
        fit_splits=_learned_splits(config),
        judged_split=config.evaluation.split,
        options=config.baselines,
        source_digest=source_digest("components.baseline_evaluator.component"),
    )


def _evaluator(config: Config, examples: Channel, trainer: Trainer) -> Evaluator:
    evaluator = Evaluator(
        examples=examples,
        example_splits=[config.evaluation.split],
        model=trainer.outputs["model"],
        eval_config=eval_config(
            config.evaluation, source_digest("modules.evaluation.tfma_metrics")
        ),
    )
    # Without thresholds it blesses nobody, but TFX would record an empty blessing in every run; the
    # gate's is the only one. No baseline model either: one that no longer loads would end the run.
    del evaluator.spec.outputs["blessing"]
    return evaluator


def _transform(config: Config, paths: Paths, examples: Channel, schema: Channel) -> Transform:
    return Transform(
        examples=examples,
        schema=schema,
        splits_config=transform_pb2.SplitsConfig(
            analyze=_learned_splits(config), transform=["train", "eval"]
        ),
        custom_config={
            "features": dataclasses.asdict(config.features),
            "source_digest": source_digest("modules.preprocessing"),
        },
        # Statistics of item indices tell nothing: 3 to 4 s saved.
        disable_statistics=True,
        disable_analyzer_cache=True,
        **_user_code(config, paths, "preprocessing", "preprocessing_fn"),
    )


def _tuner(config: Config, paths: Paths, transform: Transform) -> Tuner | None:
    """Returns the node that searches hyperparameters, if wanted."""
    if not config.tuner.enabled:
        return None
    arguments = _fit_arguments(config, paths, transform, "tuner", "tuner_fn")
    arguments["custom_config"]["tuner"] = dataclasses.asdict(config.tuner)
    return Tuner(**arguments)


def _trainer(config: Config, paths: Paths, transform: Transform, tuner: Tuner | None) -> Trainer:
    found = tuner and tuner.outputs["best_hyperparameters"]
    return Trainer(
        hyperparameters=found, **_fit_arguments(config, paths, transform, "trainer", "run_fn")
    )


def _fit_arguments(
    config: Config, paths: Paths, transform: Transform, module: str, function: str
) -> dict[str, Any]:
    """Returns what the nodes that fit models have in common."""
    return {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
        "custom_config": {
            "features": dataclasses.asdict(config.features),
            "model": dataclasses.asdict(config.model),
            "trainer": dataclasses.asdict(config.trainer),
            "checkpoint_folder": paths.checkpoint_folder,
            "source_digest": source_digest(f"modules.{module}"),
        },
        **_user_code(config, paths, module, function),
    }


def _serving_validator(config: Config, trainer: Trainer, examples: Channel) -> list[BaseNode]:
    """Returns the nodes that load and ask the model; the last one's blessing is Pusher's."""
    server = _infra_validator(config, trainer)
    validator = ServingValidator(
        model=trainer.outputs["model"],
        examples=examples,
        split=config.evaluation.split,
        options=config.serving,
        infra_blessing=server and server.outputs["blessing"],
        source_digest=source_digest("components.serving_validator.component"),
    )
    return [server, validator] if server else [validator]


def _infra_validator(config: Config, trainer: Trainer) -> InfraValidator | None:
    """Returns TFX's node that loads the model into a TensorFlow Serving container, if wanted."""
    if config.serving.infra_validator == "none":
        return None
    platform = {
        "docker": {"local_docker": infra_validator_pb2.LocalDockerConfig()},
        "kubernetes": {"kubernetes": infra_validator_pb2.KubernetesConfig()},
    }[config.serving.infra_validator]
    return InfraValidator(
        model=trainer.outputs["model"],
        serving_spec=infra_validator_pb2.ServingSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServing(
                tags=[config.serving.server_image_tag]
            ),
            **platform,
        ),
    )


def _user_code(config: Config, paths: Paths, module: str, function: str) -> dict[str, Any]:
    """Names a function by its file, or by its dotted path as container images need it."""
    if config.user_code == "module_file":
        return {"module_file": os.path.join(paths.modules, f"{module}.py")}
    return {function: f"modules.{module}.{function}"}
