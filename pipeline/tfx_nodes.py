"""TFX's own nodes, with this project's settings."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, TypeVar

from tfx.components.evaluator.component import Evaluator
from tfx.components.infra_validator.component import InfraValidator
from tfx.components.pusher.component import Pusher
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import infra_validator_pb2, pusher_pb2, trainer_pb2, transform_pb2
from tfx.types import Channel
from tfx.types.component_spec import ChannelParameter
from tfx.types.experimental import simple_artifacts

from components.pusher.node import Executor as PusherExecutor
from components.pusher.node import PusherSettings
from components.trainer.node import TrainerExecutor, TunerExecutor
from modules.evaluation.tfma_metrics import eval_config
from modules.items.known_names import ITEMS
from modules.sessions.feature_names import WEIGHTED
from modules.training.training_run import ID_COLUMN
from pipeline.code_fingerprint import PACKAGES, source_digest
from pipeline.config import Config
from pipeline.paths import Paths

_Training = TypeVar("_Training", Trainer, Tuner)
# This project's code that TFX's own nodes run.
_USER_CODE = {
    Transform: "modules.preprocessing",
    Tuner: "modules.tuner",
    Trainer: "modules.trainer",
    Evaluator: "modules.evaluation.tfma_metrics",
    Pusher: PusherExecutor.__module__,
}


def code_digest(*node_types: type) -> str:
    """Returns the digest of the project's code that nodes run."""
    modules = [_USER_CODE.get(node_type, node_type.__module__) for node_type in node_types]
    return source_digest(*(name for name in modules if name.split(".")[0] in PACKAGES))


def learned_splits(config: Config) -> list[str]:
    """Returns the splits that the final model and the baselines learn from; never test."""
    return ["train", "eval"] if config.trainer.refit else ["train"]


def create_transform(config: Config, paths: Paths, examples: Channel, schema: Channel) -> Transform:
    """Returns the node that computes the vocabulary and the training windows."""
    return Transform(
        examples=examples,
        schema=schema,
        splits_config=transform_pb2.SplitsConfig(
            analyze=learned_splits(config), transform=["train", "eval"]
        ),
        custom_config={
            "features": dataclasses.asdict(config.features),
            "source_digest": code_digest(Transform),
            **_weighted(config),
        },
        # Statistics of item indices are of no use: 3 to 4 s saved.
        disable_statistics=True,
        disable_analyzer_cache=True,
        **_user_code(config, paths, Transform, "preprocessing_fn"),
    )


def create_tuner(
    config: Config, paths: Paths, transform: Transform, items: Channel | None
) -> Tuner | None:
    """Returns the node that searches hyperparameters, if wanted; see `create_trainer`."""
    if not config.tuner.enabled:
        return None
    arguments = _training_arguments(config, paths, transform, Tuner, "tuner_fn")
    arguments["custom_config"]["tuner"] = dataclasses.asdict(config.tuner)
    return _with_features(Tuner(**arguments), TunerExecutor, config, items)


def create_trainer(
    config: Config,
    paths: Paths,
    transform: Transform,
    tuner: Tuner | None,
    base_model: BaseNode | None,
    items: Channel | None,
) -> Trainer:
    """Returns the node that trains the model.

    Args:
      config: configuration of the run.
      paths: paths of code and results.
      transform: node with the windows.
      tuner: node that searches hyperparameters, if any.
      base_model: node that finds an earlier model to start from, if any.
      items: output of ItemGen, whose columns may be item features; None without any.
    """
    trainer = Trainer(
        base_model=base_model and base_model.outputs["model"],
        hyperparameters=tuner and tuner.outputs["best_hyperparameters"],
        **_training_arguments(config, paths, transform, Trainer, "run_fn"),
    )
    return _with_features(trainer, TrainerExecutor, config, items)


def _training_arguments(
    config: Config, paths: Paths, transform: Transform, node_type: type[BaseNode], function: str
) -> dict[str, Any]:
    """Returns the common arguments of the nodes that train models."""
    executors = [TrainerExecutor] if config.model.item_features else []
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
            "source_digest": code_digest(node_type, *executors),
            **_weighted(config),
            **({ID_COLUMN: config.items.id_column} if config.model.item_features else {}),
        },
        **_user_code(config, paths, node_type, function),
    }


def _weighted(config: Config) -> dict[str, bool]:
    """Returns the entry for nodes whose windows have weights; what the weights are, data say."""
    return {WEIGHTED: True} if config.sessions.event_weights else {}


def _user_code(
    config: Config, paths: Paths, node_type: type[BaseNode], function: str
) -> dict[str, Any]:
    """Names a function by its file, or by its dotted path as container images need it."""
    module = _USER_CODE[node_type]
    if config.user_code == "module_file":
        return {"module_file": os.path.join(paths.modules, f"{module.split('.')[-1]}.py")}
    return {function: f"{module}.{function}"}


def create_evaluator(config: Config, examples: Channel, trainer: Trainer) -> Evaluator:
    """Returns the node that computes the metrics of the model, and blesses nothing."""
    evaluator = Evaluator(
        examples=examples,
        example_splits=[config.evaluation.split],
        model=trainer.outputs["model"],
        eval_config=eval_config(config.evaluation, code_digest(Evaluator)),
    )
    # Without thresholds it blesses nothing, but TFX would record an empty blessing in every run;
    # ModelGate's is the only one. A baseline model that no longer loads would fail the run.
    del evaluator.spec.outputs["blessing"]
    return evaluator


def create_infra_validator(config: Config, trainer: Trainer) -> InfraValidator | None:
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


def create_pusher(
    model: Channel,
    blessings: tuple[Channel, Channel],
    folder: str,
    settings: PusherSettings,
    items: Channel | None = None,
) -> Pusher:
    """Returns the node that pushes a model with both blessings into a folder.

    Args:
      model: the model.
      blessings: the model gate's and the serving check's.
      folder: parent of one numbered folder per pushed version.
      settings: how it pushes.
      items: output of ItemGen, whose names and categories go with the model; None without any.
    """
    model_blessing, infra_blessing = blessings
    pusher = Pusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=folder)
        ),
        custom_executor_spec=ExecutorClassSpec(PusherExecutor),
        custom_config={"source_digest": code_digest(Pusher), **settings._asdict()},
    )
    if items is not None:
        _add_items(pusher, items)
    return pusher


def _with_features(
    node: _Training, executor: type[BaseExecutor], config: Config, items: Channel | None
) -> _Training:
    """Returns a node that trains, with the items as an input if it learns from their columns."""
    if items is not None and config.model.item_features:
        _add_items(node, items)
        node.executor_spec = ExecutorClassSpec(executor)
    return node


def _add_items(node: BaseComponent, items: Channel) -> None:
    """Adds an input to one of TFX's nodes."""
    # TFX's specifications have no such input, and its constructors take no other specification.
    of_items = ChannelParameter(type=simple_artifacts.Dataset, optional=True)
    node.spec.INPUTS = {**node.spec.INPUTS, ITEMS: of_items}
    node.spec.inputs[ITEMS] = items
