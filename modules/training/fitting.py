"""Training runs of the model: one that selects on split eval, and one on all the data."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.config.options.trainer import TrainerOptions
from modules.data import batching
from modules.data.item_indices import FIRST_ITEM
from modules.data.scratch import scratch_folder
from modules.data.shards import Shards, write_shards
from modules.data.vocabulary import Vocabulary
from modules.evaluation.selection_metric import MRR, RECALL
from modules.model import cooccurrence_neighbors
from modules.model.item_features import ItemFeatures
from modules.model.lazy_adam import LazyAdam
from modules.model.two_tower import TwoTower
from modules.training import score_adjustment_search, workers
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint, EvalFn
from modules.training.score_adjustment_search import ROUGH_GRID, AdjustmentGrid
from modules.training.selection_record import Selection
from modules.training.training_run import TrainingRun
from modules.training.training_state import TrainingState, carry_slots, carry_weights

# Targets evaluated at a time; each batch computes the vectors of the whole catalogue.
_EVALUATED_TARGETS = 4096
# A shard in use and the next one each take several times their size while they are read.
_SHARDS_IN_MEMORY = 4
_SMALLEST_SHARD_MB = 16


class TrainingData(NamedTuple):
    """The data of a training run.

    Attributes:
      train: dataset of chunks of windows, with weights if events have any; see
        `modules.data.batching`.
      item_counts: training events by item_index, int64 `[item_indices]`; 0 for items that the model
        must not know.
      evaluation: windows of split eval, or a sample of them, without items that have no training
        event; None without evaluation.
      shards: the windows of `train` if they do not fit into memory, to be read in random order.
      features: properties of the items; None for none.
    """

    train: tf.data.Dataset
    item_counts: tf.Tensor
    evaluation: tf.data.Dataset | None = None
    shards: Shards | None = None
    features: ItemFeatures | None = None


class WarmStart(NamedTuple):
    """What a model starts from instead of random weights.

    Attributes:
      state: state of an earlier model of the same shape.
      item_ids: ids of the items of the model that starts, bytes `[items]`.
    """

    state: TrainingState
    item_ids: npt.NDArray[np.object_]


class FitResult(NamedTuple):
    """A trained model, and what was selected on split eval.

    Attributes:
      model: the model of the best epoch, or one trained on all the data for as many epochs.
      selection: epochs and score adjustments for serving; metrics are those of the selecting
        training run with the adjustments, over `enough_steps` of split eval.
    """

    model: TwoTower
    selection: Selection


def select_and_refit(
    run: TrainingRun,
    vocabulary: Vocabulary,
    train_files: Sequence[str],
    eval_files: Sequence[str],
    *,
    state: TrainingState | None = None,
    kept: Selection | None = None,
    features: ItemFeatures | None = None,
) -> FitResult:
    """Trains the model to export, on train, or on train and eval with `refit`.

    Its vectors include the weight of popularity.

    Args:
      run: options and folders.
      vocabulary: all known items.
      train_files: Transform's windows of split train.
      eval_files: likewise of split eval.
      state: state of an earlier model that all training runs start from; None for random weights.
      kept: epochs and score adjustments of an earlier run; None to select them.
      features: properties of the items; None for none.
    """
    options = run.trainer
    warm = WarmStart(state, catalogue_ids(vocabulary)) if state else None
    adjustments = AdjustmentGrid().with_fixed(options).at(0, 0, 0)
    selection = kept or Selection(options.max_epochs, adjustments, np.nan, np.nan)
    if kept is None and (options.needs_model_selection or not options.refit):
        with scratch_folder() as scratch:
            windows = selection_data(
                run, vocabulary, train_files, eval_files, scratch, features=features
            )
            model, selection = select(run, "choose", windows, warm)
        if not options.refit:
            return _with_popularity(model, selection)
        if workers.count() == 1:  # One of several fails in the second training run without it.
            # Else both models would be in memory, and their optimizers' states. Models refer to
            # themselves.
            del model, windows
            gc.collect()
    files = [*train_files, *(eval_files if options.refit else [])]
    checkpoint = BestEpochCheckpoint(_checkpoints(run, "refit"), selection.epochs, None)
    with scratch_folder() as scratch:
        train, shards = training_windows(run, files, scratch)
        windows = TrainingData(train, _item_counts(vocabulary), shards=shards, features=features)
        return _with_popularity(fit(run, "refit", windows, checkpoint, warm), selection)


def _with_popularity(model: TwoTower, selection: Selection) -> FitResult:
    weight = selection.adjustments.popularity_weight
    model.candidate_tower.popularity_weight.assign(weight)
    return FitResult(model, selection)


def catalogue_ids(vocabulary: Vocabulary) -> npt.NDArray[np.object_]:
    """Returns the ids of the items that a model has vectors of, bytes `[items]`."""
    return vocabulary.item_ids[: vocabulary.catalogue_size]


def selection_data(
    run: TrainingRun,
    vocabulary: Vocabulary,
    train_files: Sequence[str],
    eval_files: Sequence[str],
    scratch: str,
    features: ItemFeatures | None = None,
) -> TrainingData:
    """Reads the data of the selecting training run; arguments are those of `select_and_refit`.

    Args:
      run: options and folders.
      vocabulary: all known items.
      train_files: Transform's windows of split train.
      eval_files: likewise of split eval.
      scratch: local folder for windows that do not fit into memory; kept as long as the data.
      features: properties of the items; None for none.

    Raises:
      ValueError: early stopping is on and split eval holds no step to evaluate.
    """
    train, shards = training_windows(run, train_files, scratch)
    # Only the loss is weighted: what is best on split eval is measured by every event alike.
    evaluation = batching.window_chunks(eval_files, run.features.max_context)
    evaluation = batching.in_one_chunk(evaluation, run.trainer.memory_limit_mb)
    counts = _item_counts(vocabulary)
    if run.trainer.refit:
        # The vocabulary holds eval's items too, which the selecting training run must not know.
        counts = batching.item_counts(batching.windows_alone(train), len(counts))
    evaluation = evaluation.map(lambda windows: batching.keep_items(windows, counts > 0))
    steps = score_adjustment_search.enough_steps(int(counts.shape[0]))
    evaluation = batching.sampled_windows(evaluation, steps, run.features.targets).cache()
    if run.trainer.early_stopping_patience is not None:
        _check_evaluation(evaluation)
    return TrainingData(train, counts, evaluation, shards, features)


def select(
    run: TrainingRun, name: str, windows: TrainingData, warm: WarmStart | None = None
) -> FitResult:
    """Trains a model and selects epochs and score adjustments on split eval; see `fit`."""
    options = run.trainer
    evaluate, patience = epoch_eval_fn(run, windows), options.early_stopping_patience
    checkpoint = BestEpochCheckpoint(
        _checkpoints(run, name),
        options.max_epochs,
        patience,
        evaluate,
        # Without a second training run, this model is what a later one may start from.
        with_optimizer=options.warm_start and not options.refit,
    )
    model = fit(run, name, windows, checkpoint, warm)
    adjustments, recall, mrr = score_adjustment_search.search(
        model.scored_steps(_evaluation_batches(run, windows)),
        AdjustmentGrid().with_fixed(options),
    )
    selected = ", ".join(f"{name} {value:g}" for name, value in adjustments.by_option().items())
    print(f"    {selected}:  eval {RECALL} {recall:.4f}  eval {MRR} {mrr:.4f}", flush=True)
    return FitResult(model, Selection(checkpoint.best_epoch, adjustments, recall, mrr))


def fit(
    run: TrainingRun,
    name: str,
    windows: TrainingData,
    checkpoint: BestEpochCheckpoint,
    warm: WarmStart | None = None,
) -> TwoTower:
    """Trains a new model and loads the weights of its best epoch.

    Resumes an interrupted run of the same data, options and code.

    Args:
      run: options and folders.
      name: name of the training run and of its folder for TensorBoard.
      windows: data to train on.
      checkpoint: checkpoint of this training run.
      warm: what the model starts from; None for random weights.
    """
    return checkpoint.fit(lambda: _train(run, name, windows, checkpoint, warm))


def _train(
    run: TrainingRun,
    name: str,
    windows: TrainingData,
    checkpoint: BestEpochCheckpoint,
    warm: WarmStart | None,
) -> TwoTower:
    options = run.trainer
    tf.keras.utils.set_random_seed(options.seed)
    neighbors = _neighbors(run, windows)
    with workers.strategy().scope():
        model = TwoTower(windows.item_counts, run.model, options, neighbors, windows.features)
        model.compile(optimizer=_optimizer(options))
        # A run that was interrupted after its last epoch takes no step, but averages its weights.
        model.query_tower(tf.constant([[FIRST_ITEM]]))
        model.candidate_tower(tf.constant([FIRST_ITEM]))
        carried = carry_weights(warm.state, model, warm.item_ids, neighbors) if warm else None
        model.optimizer.build(model.trainable_variables)
        if warm:
            carry_slots(warm.state, model, warm.item_ids)
            print(f"    warm start: {carried}", flush=True)
    batches, steps = training_batches(run, windows, checkpoint.epochs_saved)
    callbacks = checkpoint.callbacks()
    if options.learning_rate_decay < 1:
        callbacks.append(tf.keras.callbacks.LearningRateScheduler(_falling_rate(options)))
    if workers.is_chief():
        board = os.path.join(run.logs, name)
        callbacks.append(tf.keras.callbacks.TensorBoard(board, write_graph=False, profile_batch=0))
    model.fit(batches, epochs=checkpoint.end, steps_per_epoch=steps, callbacks=callbacks, verbose=0)
    return model


def training_batches(
    run: TrainingRun, windows: TrainingData, done: int = 0
) -> tuple[tf.data.Dataset, int | None]:
    """Returns the batches of an epoch, or of all epochs and how many an epoch has.

    The epochs after the first `done` have the batches that they would have in one go. Several
    replicas divide each batch among them. Every worker reads all windows, which takes a fraction of
    the time of training on its share, so that all take equally many steps.
    """
    cut: dict[str, Any] = {
        "batch_targets": run.trainer.batch_targets,
        "targets": run.features.targets,
        "reversed_sessions": run.trainer.reversed_sessions,
    }
    seed, shards = run.trainer.seed, windows.shards
    chunks = windows.train if shards is None else shards.shuffled_chunks(seed)
    batches = batching.training_batches(chunks, seed=seed, **cut)
    strategy = workers.strategy()
    replicas = strategy.num_replicas_in_sync
    for _ in range(done):
        iter(batches)  # each iterator draws the next seed
    if replicas == 1:
        return batches, None

    def shares(context: tf.distribute.InputContext) -> tf.data.Dataset:
        own = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * own
        return batching.shares(batches.repeat(), range(first, first + own), replicas)

    iter(batches)  # as Keras does, so that the epochs have the batches that one replica would see
    steps = batching.batch_count(windows.train, **cut)
    return strategy.distribute_datasets_from_function(shares), steps


def epoch_eval_fn(run: TrainingRun, windows: TrainingData) -> EvalFn:
    """Returns the evaluation of an epoch on split eval, with roughly selected score adjustments.

    Without them RetailRocket's best epoch comes out much too early: the model keeps improving
    behind the current item, which serving demotes. Popularity counts only if the options fix its
    weight.
    """
    grid = ROUGH_GRID.with_fixed(run.trainer)
    batches = _evaluation_batches(run, windows)

    def evaluate(model: TwoTower) -> tuple[float, float]:
        _, recall, mrr = score_adjustment_search.search(model.scored_steps(batches), grid)
        return recall, mrr

    return evaluate


def _checkpoints(run: TrainingRun, name: str) -> str:
    return os.path.join(run.checkpoints, name)


def training_windows(
    run: TrainingRun, files: Sequence[str], scratch: str
) -> tuple[tf.data.Dataset, Shards | None]:
    """Reads windows into memory, or into shards in the folder `scratch` if they do not fit."""
    limit = run.trainer.memory_limit_mb
    chunks = batching.window_chunks(files, run.features.max_context, run.weighted)
    joined = batching.in_one_chunk(chunks, limit)
    if joined is not chunks:
        return joined, None
    shard_mb = max(_SMALLEST_SHARD_MB, limit // _SHARDS_IN_MEMORY)
    shards = write_shards(chunks, scratch, shard_mb, run.trainer.seed)
    return shards.chunks(), shards


def _evaluation_batches(run: TrainingRun, windows: TrainingData) -> tf.data.Dataset:
    return batching.evaluation_batches(windows.evaluation, _EVALUATED_TARGETS, run.features.targets)


def _neighbors(
    run: TrainingRun, windows: TrainingData
) -> cooccurrence_neighbors.ItemNeighbors | None:
    if not run.model.num_neighbors:
        return None
    chunks = (
        (chunk.values.numpy(), chunk.row_lengths().numpy())
        for chunk in batching.windows_alone(windows.train)
    )
    together = cooccurrence_neighbors.cooccurrences(chunks, len(windows.item_counts))
    return cooccurrence_neighbors.nearest_neighbors(together, run.model.num_neighbors)


def _check_evaluation(evaluation: tf.data.Dataset) -> None:
    """Raises ValueError if split eval holds no step to select epochs by."""
    if not any(int(windows.nrows()) for windows in evaluation):
        raise ValueError(
            "early stopping evaluates on split eval, but none of its sessions has two items that "
            "the training sessions hold too. Make eval longer (sessions.eval_fraction), or set "
            "trainer.early_stopping_patience=null to train all epochs."
        )


def _item_counts(vocabulary: Vocabulary) -> tf.Tensor:
    counts = vocabulary.counts[: vocabulary.catalogue_size]
    return tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))


def _falling_rate(options: TrainerOptions) -> Callable[[int], float]:
    """Returns the learning rate of each epoch, counted from 0."""
    return lambda epoch: options.learning_rate * options.learning_rate_decay**epoch


def _optimizer(options: TrainerOptions) -> tf.keras.optimizers.Optimizer:
    # On GPUs Keras compiles by XLA, which would recompile for every number of rows touched.
    keywords: dict[str, Any] = {"jit_compile": False}
    if options.weight_averaging:
        keywords |= {"use_ema": True, "ema_momentum": options.weight_averaging}
    optimizer = {
        "lazy_adam": LazyAdam,
        "adam": tf.keras.optimizers.Adam,
        "adamw": tf.keras.optimizers.AdamW,
        "adagrad": tf.keras.optimizers.Adagrad,
    }[options.optimizer](options.learning_rate, **keywords)
    if options.precision == "mixed_float16":
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer
