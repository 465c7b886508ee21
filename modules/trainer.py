"""Trainer's run_fn: chooses the number of epochs on `eval`, refits, and exports the SavedModel."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import dataset, seen_items, serving
from modules.autograph import exempt_keras_from_autograph
from modules.configuration import FeatureOptions, ModelOptions, TrainerOptions, from_json
from modules.epochs import EpochKeeper
from modules.model import MRR, RECALL, TwoTower
from modules.seen_items import SeenItemScores
from modules.trainer_answers import write_answers
from modules.vocabulary import FIRST_ITEM, VOCABULARY_NAME, Vocabulary, read_vocabulary


@dataclasses.dataclass(frozen=True)
class Job:
    """What one Trainer run works with.

    Attributes:
      features: options of Transform.
      model: options of the towers.
      trainer: options of the fit.
      checkpoints: folder that outlives a killed run; it belongs to this data, options and code.
      logs: folder for TensorBoard.
    """

    features: FeatureOptions
    model: ModelOptions
    trainer: TrainerOptions
    checkpoints: str
    logs: str


def run_fn(fn_args: FnArgs) -> None:
    """Trains and exports the model; TFX calls this.

    Args:
      fn_args: `train_files` and `eval_files` hold Transform's windows; `custom_config` has the
        option classes' fields under `features`, `model` and `trainer`, the `checkpoint_folder` and
        the `source_digest` of this code.
    """
    exempt_keras_from_autograph()
    train_files, eval_files = _files(fn_args.train_files), _files(fn_args.eval_files)
    job = _job(fn_args, train_files + eval_files)
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    vocabulary = read_vocabulary(
        transform_output.vocabulary_file_by_name(VOCABULARY_NAME), job.features
    )
    model, seen = _choose_and_refit(job, vocabulary, train_files, eval_files)
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file = os.path.join(scratch, "item_ids.txt")
        serving.export(
            model,
            vocabulary,
            job.features.max_context,
            vocabulary_file,
            fn_args.serving_model_dir,
            seen,
        )
    for contexts, _ in dataset.window_chunks(eval_files, job.features.max_context).take(1):
        write_answers(model, vocabulary, contexts.numpy(), seen, fn_args.serving_model_dir)
    shutil.rmtree(job.checkpoints, ignore_errors=True)


def _choose_and_refit(
    job: Job, vocabulary: Vocabulary, train_files: Sequence[str], eval_files: Sequence[str]
) -> tuple[TwoTower, SeenItemScores]:
    """Returns the model to export, fitted on train, or on train and eval with `refit`."""
    options = job.trainer
    window_length = job.features.max_context
    train = dataset.in_one_chunk(
        dataset.window_chunks(train_files, window_length), options.memory_limit_mb
    )
    evaluation = dataset.in_one_chunk(
        dataset.window_chunks(eval_files, window_length), options.memory_limit_mb
    )
    all_counts = _item_counts(vocabulary)
    # With refit the vocabulary holds eval's items too; the fit that chooses must not know them.
    counts = dataset.item_counts(train, len(all_counts)) if options.refit else all_counts
    evaluation = evaluation.map(
        lambda context, target: dataset.keep_items(context, target, counts > 0)
    )
    if options.early_stopping_patience is not None:
        _check_evaluation(evaluation)
    epochs = options.epochs
    seen = SeenItemScores(options.current_item_penalty or 0.0, options.earlier_item_boost or 0.0)
    if options.chooses or not options.refit:
        keeper = EpochKeeper(
            os.path.join(job.checkpoints, "choose"), epochs, options.early_stopping_patience
        )
        model = _fit(job, "choose", counts, train, keeper, evaluation)
        keeper.restore_best(model)
        epochs, seen = keeper.best_epoch, _choose_seen_item_scores(model, evaluation, options)
    if options.refit:
        both = dataset.in_one_chunk(
            dataset.window_chunks([*train_files, *eval_files], window_length),
            options.memory_limit_mb,
        )
        keeper = EpochKeeper(os.path.join(job.checkpoints, "refit"), epochs, None)
        model = _fit(job, "refit", all_counts, both, keeper, None)
    return model, seen


def _choose_seen_item_scores(
    model: TwoTower, evaluation: tf.data.Dataset, options: TrainerOptions
) -> SeenItemScores:
    """Chooses the serving scalars that the options leave open, on split eval."""
    penalty, boost = options.current_item_penalty, options.earlier_item_boost
    if penalty is not None and boost is not None:
        return SeenItemScores(penalty, boost)
    seen, recall, mrr = seen_items.choose(
        model.judged_steps(dataset.evaluation_batches(evaluation, options.batch_targets)),
        seen_items.PENALTIES if penalty is None else [penalty],
        seen_items.BOOSTS if boost is None else [boost],
    )
    print(
        f"    current item -{seen.current_item_penalty:g}, earlier items "
        f"+{seen.earlier_item_boost:g}:  eval {RECALL} {recall:.4f}  eval {MRR} {mrr:.4f}",
        flush=True,
    )
    return seen


def _fit(
    job: Job,
    name: str,
    item_counts: tf.Tensor,
    train: tf.data.Dataset,
    keeper: EpochKeeper,
    evaluation: tf.data.Dataset | None,
) -> TwoTower:
    """Fits a new model; picks up where a killed run of the same job stopped."""
    options = job.trainer
    tf.keras.utils.set_random_seed(options.seed)
    with _strategy().scope():
        model = TwoTower(item_counts, job.model, options)
        model.compile(optimizer=_optimizer(options))
    batches = dataset.training_batches(
        train, options.batch_targets, options.reversed_sessions, options.seed
    )
    validation = evaluation and dataset.evaluation_batches(evaluation, options.batch_targets)
    board = tf.keras.callbacks.TensorBoard(
        os.path.join(job.logs, name), write_graph=False, profile_batch=0
    )
    model.fit(
        batches,
        validation_data=validation,
        epochs=keeper.end,
        callbacks=[*keeper.callbacks(), board],
        verbose=0,
    )
    return model


def _check_evaluation(evaluation: tf.data.Dataset) -> None:
    """Checks that there is something to choose epochs by.

    Raises:
      ValueError: there is nothing.
    """
    if not any(int(tf.size(target)) for _, target in evaluation):
        raise ValueError(
            "early stopping judges by split eval, but none of its sessions has two items that the "
            "training sessions hold too. Make eval longer (sessions.eval_fraction), or set "
            "trainer.early_stopping_patience=null to train all epochs."
        )


def _item_counts(vocabulary: Vocabulary) -> tf.Tensor:
    counts = vocabulary.counts[: vocabulary.catalogue_size]
    return tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))


def _optimizer(options: TrainerOptions) -> tf.keras.optimizers.Optimizer:
    optimizer = {
        "adam": tf.keras.optimizers.Adam,
        "adamw": tf.keras.optimizers.AdamW,
        "adagrad": tf.keras.optimizers.Adagrad,
    }[options.optimizer](options.learning_rate)
    if options.precision == "mixed_float16":
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def _strategy() -> tf.distribute.Strategy:
    """Chooses by the devices found: several GPUs train in step, one or none needs no strategy."""
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _files(patterns: Sequence[str]) -> list[str]:
    return sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))


def _job(fn_args: FnArgs, files: Sequence[str]) -> Job:
    config: dict[str, Any] = fn_args.custom_config
    digest = hashlib.sha256(
        json.dumps(
            [config["features"], config["model"], config["trainer"]], sort_keys=True
        ).encode()
    )
    digest.update(config["source_digest"].encode())
    for file in files:
        with tf.io.gfile.GFile(file, "rb") as content:
            digest.update(hashlib.sha256(content.read()).digest())
    return Job(
        from_json(FeatureOptions, config["features"]),
        from_json(ModelOptions, config["model"]),
        from_json(TrainerOptions, config["trainer"]),
        os.path.join(config["checkpoint_folder"], digest.hexdigest()[:16]),
        fn_args.model_run_dir,
    )
