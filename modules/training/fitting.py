"""Fits of the model: one that selects on `eval`, and one that learns from all there is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from modules.config.trainer import TrainerOptions
from modules.data import batching
from modules.data.vocabulary import FIRST_ITEM, Vocabulary
from modules.evaluation.selection_metric import MRR, RECALL
from modules.model import cooccurrence_neighbors
from modules.model.lazy_adam import LazyAdam
from modules.model.two_tower import TwoTower
from modules.training import score_adjustment_search
from modules.training.epoch_callbacks import BestEpochCheckpoint, EvalFn
from modules.training.score_adjustment_search import ROUGH_GRID, AdjustmentGrid, ScoreAdjustments
from modules.training.training_run import TrainingRun

# Targets judged at a time; each batch computes the vectors of the whole catalogue.
_JUDGED_TARGETS = 4096


class TrainingData(NamedTuple):
    """What a fit learns from and is judged by.

    Attributes:
      train: dataset of chunks of windows, see `modules.data.batching`.
      item_counts: training events by item_index, int64 `[item_indices]`; 0 for items that the fit
        must not know.
      evaluation: likewise of split eval, or a sample of it, without items that have no training
        event; None where no epoch is judged.
    """

    train: tf.data.Dataset
    item_counts: tf.Tensor
    evaluation: tf.data.Dataset | None = None


class FitResult(NamedTuple):
    """A fitted model, what was chosen on split eval, and what that reached there.

    Attributes:
      model: with the weights of the best epoch, or fitted anew for as many.
      epochs: number of the best epoch.
      scalars: for serving.
      recall: Recall@20 over the steps of split eval, `enough_steps` of them, with the scalars, of
        the fit that chose; NaN if nothing was judged.
      mrr: likewise MRR@20.
    """

    model: TwoTower
    epochs: int
    scalars: ScoreAdjustments
    recall: float
    mrr: float


def select_and_refit(
    run: TrainingRun, vocabulary: Vocabulary, train_files: Sequence[str], eval_files: Sequence[str]
) -> FitResult:
    """Returns the model to export, fitted on train, or on train and eval with `refit`.

    The weight of popularity is in its vectors.

    Args:
      run: options and folders.
      vocabulary: all known items.
      train_files: Transform's windows of split train.
      eval_files: likewise of split eval.
    """
    options = run.trainer
    epochs, scalars = options.max_epochs, AdjustmentGrid().with_fixed(options).at(0, 0, 0)
    recall = mrr = np.nan
    if options.needs_model_selection or not options.refit:
        windows = selection_data(run, vocabulary, train_files, eval_files)
        model, epochs, scalars, recall, mrr = select(run, "choose", windows)
    if options.refit:
        both = TrainingData(_windows(run, [*train_files, *eval_files]), _item_counts(vocabulary))
        model = fit(
            run, "refit", both, BestEpochCheckpoint(_checkpoints(run, "refit"), epochs, None)
        )
    model.candidate_tower.popularity_weight.assign(scalars.popularity_weight)
    return FitResult(model, epochs, scalars, recall, mrr)


def selection_data(
    run: TrainingRun, vocabulary: Vocabulary, train_files: Sequence[str], eval_files: Sequence[str]
) -> TrainingData:
    """Reads what the fit that selects learns from and is judged by.

    Arguments are those of `select_and_refit`.

    Raises:
      ValueError: early stopping is on and there is nothing to judge by.
    """
    train, evaluation = _windows(run, train_files), _windows(run, eval_files)
    counts = _item_counts(vocabulary)
    if run.trainer.refit:
        # The vocabulary holds eval's items too; the fit that selects must not know them.
        counts = batching.item_counts(train, len(counts))
    evaluation = evaluation.map(lambda windows: batching.keep_items(windows, counts > 0))
    steps = score_adjustment_search.enough_steps(int(counts.shape[0]))
    evaluation = batching.sampled_windows(evaluation, steps, run.features.targets).cache()
    if run.trainer.early_stopping_patience is not None:
        _check_evaluation(evaluation)
    return TrainingData(train, counts, evaluation)


def select(run: TrainingRun, name: str, windows: TrainingData) -> FitResult:
    """Fits a model, and chooses the number of epochs and the serving scalars on split eval.

    Arguments are those of `fit`.
    """
    options = run.trainer
    judge = epoch_eval_fn(run, windows)
    patience = options.early_stopping_patience
    keeper = BestEpochCheckpoint(_checkpoints(run, name), options.max_epochs, patience, judge)
    model = fit(run, name, windows, keeper)
    scalars, recall, mrr = score_adjustment_search.search(
        model.scored_steps(_evaluation_batches(run, windows)),
        AdjustmentGrid().with_fixed(options),
    )
    selected = ", ".join(f"{name} {value:g}" for name, value in scalars.by_option().items())
    print(f"    {selected}:  eval {RECALL} {recall:.4f}  eval {MRR} {mrr:.4f}", flush=True)
    return FitResult(model, keeper.best_epoch, scalars, recall, mrr)


def fit(
    run: TrainingRun, name: str, windows: TrainingData, keeper: BestEpochCheckpoint
) -> TwoTower:
    """Returns a new model with the weights of its best epoch.

    Picks up where a killed run of the same data, options and code stopped.

    Args:
      run: options and folders.
      name: of the fit, also of its folder for TensorBoard.
      windows: to learn from.
      keeper: of this fit; judges its epochs, or not.
    """
    return keeper.fit(lambda: _train(run, name, windows, keeper))


def _train(
    run: TrainingRun, name: str, windows: TrainingData, keeper: BestEpochCheckpoint
) -> TwoTower:
    options = run.trainer
    tf.keras.utils.set_random_seed(options.seed)
    neighbors = _neighbors(run, windows)
    with _strategy().scope():
        model = TwoTower(windows.item_counts, run.model, options, neighbors)
        model.compile(optimizer=_optimizer(options))
        # A fit that was finished before it was killed takes no step, but averages its weights.
        model.query_tower(tf.constant([[FIRST_ITEM]]))
        model.candidate_tower(tf.constant([FIRST_ITEM]))
        model.optimizer.build(model.trainable_variables)
    batches = batching.training_batches(
        windows.train,
        options.batch_targets,
        targets=run.features.targets,
        reversed_sessions=options.reversed_sessions,
        seed=options.seed,
    )
    board = tf.keras.callbacks.TensorBoard(
        os.path.join(run.logs, name), write_graph=False, profile_batch=0
    )
    model.fit(batches, epochs=keeper.end, callbacks=[*keeper.callbacks(), board], verbose=0)
    return model


def epoch_eval_fn(run: TrainingRun, windows: TrainingData) -> EvalFn:
    """Returns what judges an epoch: by split eval, its session items' scalars roughly chosen.

    Without them RetailRocket's best epoch seems to be one that is much too early: learning goes on
    where the current item, which serving demotes, is in the way. Popularity counts only where the
    options fix its weight.

    Args:
      run: scalars that its options fix are not chosen.
      windows: whose `evaluation` to judge by.
    """
    grid = ROUGH_GRID.with_fixed(run.trainer)

    def judge(model: TwoTower) -> tuple[float, float]:
        steps = model.scored_steps(_evaluation_batches(run, windows))
        _, recall, mrr = score_adjustment_search.search(steps, grid)
        return recall, mrr

    return judge


def _checkpoints(run: TrainingRun, name: str) -> str:
    return os.path.join(run.checkpoints, name)


def _windows(run: TrainingRun, files: Sequence[str]) -> tf.data.Dataset:
    chunks = batching.window_chunks(files, run.features.max_context)
    return batching.in_one_chunk(chunks, run.trainer.memory_limit_mb)


def _evaluation_batches(run: TrainingRun, windows: TrainingData) -> tf.data.Dataset:
    return batching.evaluation_batches(windows.evaluation, _JUDGED_TARGETS, run.features.targets)


def _neighbors(
    run: TrainingRun, windows: TrainingData
) -> cooccurrence_neighbors.ItemNeighbors | None:
    if not run.model.num_neighbors:
        return None
    chunks = windows.train.as_numpy_iterator()
    together = cooccurrence_neighbors.cooccurrences(chunks, len(windows.item_counts))
    return cooccurrence_neighbors.nearest_neighbors(together, run.model.num_neighbors)


def _check_evaluation(evaluation: tf.data.Dataset) -> None:
    """Checks that there is something to choose epochs by.

    Raises:
      ValueError: there is nothing.
    """
    if not any(int(tf.size(windows)) for windows in evaluation):
        raise ValueError(
            "early stopping judges by split eval, but none of its sessions has two items that the "
            "training sessions hold too. Make eval longer (sessions.eval_fraction), or set "
            "trainer.early_stopping_patience=null to train all epochs."
        )


def _item_counts(vocabulary: Vocabulary) -> tf.Tensor:
    counts = vocabulary.counts[: vocabulary.catalogue_size]
    return tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))


def _optimizer(options: TrainerOptions) -> tf.keras.optimizers.Optimizer:
    # On GPUs Keras compiles by XLA, which would do it anew for every number of rows touched.
    further: dict[str, Any] = {"jit_compile": False}
    if options.weight_averaging:
        further |= {"use_ema": True, "ema_momentum": options.weight_averaging}
    optimizer = {
        "lazy_adam": LazyAdam,
        "adam": tf.keras.optimizers.Adam,
        "adamw": tf.keras.optimizers.AdamW,
        "adagrad": tf.keras.optimizers.Adagrad,
    }[options.optimizer](options.learning_rate, **further)
    if options.precision == "mixed_float16":
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def _strategy() -> tf.distribute.Strategy:
    """Chooses by the devices found: several GPUs train in step, one or none needs no strategy."""
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
