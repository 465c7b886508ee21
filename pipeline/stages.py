"""The pipeline's nodes, stage by stage: data, training, evaluation, report, push."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, NamedTuple

from tfx.components.example_validator.component import ExampleValidator
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import example_gen_pb2
from tfx.types import Channel

from components.baseline_evaluator.node import BaselineEvaluator
from components.data_gate.node import DataGate
from components.index_builder.node import IndexBuilder
from components.item_gen.node import ItemGen
from components.model_gate.node import ModelGate
from components.previous_run.base_model import BaseModel
from components.pusher.node import PusherSettings
from components.report.node import Report
from components.report.templates import template_digest
from components.schema_import.node import ImportSchemaGen
from components.serving_validator.node import ServingValidator
from components.session_example_gen.node import SessionExampleGen
from modules.config.options.index import NONE
from modules.config.options.releases import CANARY
from modules.daily.days import day_number
from modules.sessions.splits import SPLITS
from pipeline.code_fingerprint import file_digest
from pipeline.config import Config, result_options
from pipeline.paths import PROJECT, Paths
from pipeline.previous_run import EarlierRuns
from pipeline.tfx_nodes import (
    code_digest,
    create_evaluator,
    create_infra_validator,
    create_pusher,
    create_trainer,
    create_transform,
    create_tuner,
    learned_splits,
)

SCHEMA_FILE = "session_schema.pbtxt"
INDEX_PUSHER_ID = "IndexPusher"


class Data(NamedTuple):
    """Nodes that read and check the data; `nodes` are all of them, `items` None without a file."""

    examples: Channel
    schema: Channel
    gate: BaseNode
    nodes: list[BaseNode]
    items: Channel | None = None


class Training(NamedTuple):
    """Nodes that train the model; `nodes` are all of them."""

    transform: Transform
    trainer: Trainer
    nodes: list[BaseNode]


class Evaluation(NamedTuple):
    """Nodes that evaluate the model; `nodes` are all of them."""

    model_gate: BaseNode
    serving: BaseNode
    nodes: list[BaseNode]


def data_stage(config: Config, paths: Paths, earlier: EarlierRuns) -> Data:
    """Returns the nodes that read the click logs and stop the run if they are not usable."""
    example_gen = _example_gen(config, paths)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = ImportSchemaGen(
        schema_file=os.path.join(paths.schema, SCHEMA_FILE),
        schema_digest=file_digest(PROJECT / "pipeline" / "schema" / SCHEMA_FILE),
        source_digest=code_digest(ImportSchemaGen),
    )
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    previous = earlier.accepted_statistics(examples)
    gate = DataGate(
        statistics=statistics,
        anomalies=validator.outputs["anomalies"],
        schema=schema,
        previous_statistics=previous.outputs["statistics"],
        examples=examples,
        options=_as_json(config.checks),
        source_digest=code_digest(DataGate),
    )
    nodes = [example_gen, statistics_gen, schema_gen, validator, previous, gate]
    nodes += earlier.keep(statistics, examples, gate)
    if config.items.file is None:
        return Data(examples, schema, gate, nodes)
    item_gen = ItemGen(
        examples=examples,
        options=_as_json(config.items),
        features=json.dumps(config.model.item_features),
        file_state=earlier.items_state(config.items.file),
        source_digest=code_digest(ItemGen),
    )
    return Data(examples, schema, gate, [*nodes, item_gen], item_gen.outputs["items"])


def training_stage(config: Config, paths: Paths, data: Data) -> Training:
    """Returns the nodes that prepare the examples, search hyperparameters if wanted, and train."""
    transform = create_transform(config, paths, data.examples, data.schema)
    transform.add_upstream_node(data.gate)
    tuner = create_tuner(config, paths, transform, data.items)
    base_model = _base_model(config, paths, data.examples)
    trainer = create_trainer(config, paths, transform, tuner, base_model, data.items)
    nodes = [transform, tuner, base_model, trainer]
    return Training(transform, trainer, [node for node in nodes if node])


def _base_model(config: Config, paths: Paths, examples: Channel) -> BaseNode | None:
    """Returns the node that finds an earlier model to start from, if the options use one."""
    options = config.trainer
    if not options.warm_start and options.selection_days == 1:
        return None
    return BaseModel(
        examples=examples,
        push_folder=paths.push_folder,
        fit_splits=json.dumps(learned_splits(config)),
        weights=int(options.warm_start),
        source_digest=code_digest(BaseModel),
    )


def evaluation_stage(
    config: Config, data: Data, training: Training, earlier: EarlierRuns
) -> Evaluation:
    """Returns the nodes that rank baselines and model, bless the model or not, and serve it."""
    baseline_evaluator = BaselineEvaluator(
        examples=data.examples,
        fit_splits=json.dumps(learned_splits(config)),
        split=config.evaluation.split,
        options=_as_json(config.baselines),
        own_items=json.dumps(config.trainer.own_session_items),
        source_digest=code_digest(BaselineEvaluator),
    )
    baseline_evaluator.add_upstream_node(data.gate)
    evaluator = create_evaluator(config, data.examples, training.trainer)
    serving_model = earlier.blessed_model(data.examples)
    previous = earlier.previous_verdict(data.examples) if config.gate.pooled_days > 1 else None
    model_gate = ModelGate(
        examples=data.examples,
        evaluation=evaluator.outputs["evaluation"],
        model=training.trainer.outputs["model"],
        baseline_ranks=baseline_evaluator.outputs["baseline_ranks"],
        last_blessed_model=serving_model.outputs["model"],
        previous_verdict=previous and previous.outputs["verdict"],
        options=_as_json(config.gate),
        evaluation_options=_as_json(config.evaluation),
        fit_splits=json.dumps(learned_splits(config)),
        source_digest=code_digest(ModelGate),
    )
    serving = _serving_validators(config, training.trainer, data.examples)
    nodes = [baseline_evaluator, serving_model, evaluator, model_gate, *serving]
    if previous:
        nodes += [previous, *earlier.keep_verdict(model_gate.outputs["verdict"], data.examples)]
    return Evaluation(model_gate, serving[-1], nodes)


def report_node(config: Config, data: Data, training: Training, evaluation: Evaluation) -> BaseNode:
    """Returns the node that shows the results of the stages before it."""
    above = [*data.nodes, *training.nodes, *evaluation.nodes]
    return Report(
        config=json.dumps(result_options(config)),
        verdict=evaluation.model_gate.outputs["verdict"],
        examples=data.examples,
        data_report=data.gate.outputs["report"],
        transform_graph=training.transform.outputs["transform_graph"],
        model=training.trainer.outputs["model"],
        model_run=training.trainer.outputs["model_run"],
        serving_report=evaluation.serving.outputs["report"],
        items=data.items,
        code_digest=code_digest(Report, *map(type, above)),
        page_digest=template_digest(),
    )


def push_stage(
    config: Config,
    paths: Paths,
    data: Data,
    training: Training,
    evaluation: Evaluation,
    earlier: EarlierRuns,
) -> list[BaseNode]:
    """Returns the nodes that push the blessed model, and the approximate index if wanted."""
    model = training.trainer.outputs["model"]
    model_blessing = evaluation.model_gate.outputs["blessing"]
    infra_blessing = evaluation.serving.outputs["blessing"]
    settings = PusherSettings(
        in_order=config.data.daily is not None,
        is_canary=config.releases.new_versions == CANARY,
        paused=earlier.paused,
        offer_file=config.serving.offer_file,
        least_offered=config.serving.least_offered,
        list_state=earlier.list_state(config.serving.offer_file or ""),
        items=_as_json(config.items) if data.items else "",
    )
    blessings = (model_blessing, infra_blessing)
    pusher = create_pusher(model, blessings, paths.push_folder, settings, data.items)
    if config.index.kind == NONE:
        return [pusher]
    builder = IndexBuilder(
        model=model,
        examples=data.examples,
        split=config.evaluation.split,
        options=_as_json(config.index),
        infra_blessing=infra_blessing,
        source_digest=code_digest(IndexBuilder),
    )
    index, blessing = builder.outputs["index"], builder.outputs["blessing"]
    blessings, folder = (model_blessing, blessing), paths.index_push_folder
    index_pusher = create_pusher(index, blessings, folder, settings, data.items)
    return [pusher, builder, index_pusher.with_id(INDEX_PUSHER_ID)]


def _as_json(options: Any) -> str:
    return json.dumps(dataclasses.asdict(options), sort_keys=True)


def _example_gen(config: Config, paths: Paths) -> SessionExampleGen:
    data = config.data
    patterns = (
        {"train": data.daily} if data.daily else {name: getattr(data, name) for name in SPLITS}
    )
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=p) for name, p in patterns.items() if p
    ]
    return SessionExampleGen(
        input_base=data.folder or "/",
        input_config=example_gen_pb2.Input(splits=splits),
        sessions=config.sessions,
        source_digest=code_digest(SessionExampleGen),
        kept_rejects=paths.rejects,
        tail=data.tail,
        window=data.window if data.daily else 0,
        span=day_number(data.date) if data.date else None,
        max_age_days=config.checks.max_age_days,
    )


def _serving_validators(config: Config, trainer: Trainer, examples: Channel) -> list[BaseNode]:
    """Returns the nodes that load and call the model; the last one's blessing is Pusher's."""
    server = create_infra_validator(config, trainer)
    validator = ServingValidator(
        model=trainer.outputs["model"],
        examples=examples,
        split=config.evaluation.split,
        options=json.dumps(config.serving.of_check(), sort_keys=True),
        infra_blessing=server and server.outputs["blessing"],
        source_digest=code_digest(ServingValidator),
    )
    return [server, validator] if server else [validator]
