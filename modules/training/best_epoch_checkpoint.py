"""The state of a training run across epochs and interruptions: progress, best epoch, weights."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from modules.evaluation.selection_metric import MRR, RECALL, selection_score
from modules.model.two_tower import TwoTower
from modules.training import workers

_HISTORY = "history.json"
_SAVED_EPOCH = "ckpt_saved_epoch/.ATTRIBUTES/VARIABLE_VALUE"  # of Keras's backup

# Returns Recall@20 and MRR@20 of a model on split eval.
EvalFn = Callable[[TwoTower], tuple[float, float]]


class BestEpochCheckpoint(tf.keras.callbacks.Callback):
    """Evaluates and prints each epoch, stops early, keeps the best, and resumes after a kill.

    Use `callbacks()`, which also has Keras's own callback that saves and restores weights and epoch
    number; the history for early stopping is restored here. If the optimizer averages weights, the
    averages are evaluated and kept.
    """

    def __init__(
        self,
        folder: str,
        epochs: int,
        patience: int | None,
        evaluate: EvalFn | None = None,
        *,
        with_optimizer: bool = False,
    ) -> None:
        """Reads the history of an interrupted training run, if there is one.

        Args:
          folder: folder of this training run alone, on any file system that TensorFlow knows;
            created when first needed.
          epochs: maximum number of epochs.
          patience: epochs without a better `selection_score` before training stops; None never
            stops early, and the last epoch is the best.
          evaluate: evaluates each epoch; required with patience.
          with_optimizer: whether the best epoch is kept with the state of the optimizer, which may
            be three times as large as the weights.
        """
        super().__init__()
        self.epochs = epochs
        self._folder = folder
        self._patience = patience
        self._evaluate = evaluate
        self._with_optimizer = with_optimizer
        self.history: list[dict[str, float]] = []  # the logs of each epoch
        self._started = 0.0
        path = os.path.join(folder, _HISTORY)
        if tf.io.gfile.exists(path):
            try:
                self.history = _read_history(path)
            except ValueError as error:
                self._start_afresh(error)
        elif tf.io.gfile.exists(folder):  # weights without the metrics of their epochs
            self._remove_folder()
        self._resumed = bool(self.history)
        workers.wait_for_all()

    @property
    def best_epoch(self) -> int:
        """The epoch to train to, counted from 1."""
        if self._patience is None:
            return len(self.history)
        recall, mrr = ([epoch[f"val_{name}"] for epoch in self.history] for name in (RECALL, MRR))
        return 1 + int(np.argmax(selection_score(recall, mrr)))

    @property
    def finished(self) -> bool:
        """Whether the training run is complete: all epochs ran, or it stopped early."""
        return len(self.history) >= self.epochs or self._out_of_patience

    @property
    def end(self) -> int:
        """The epoch to train to; the last one of the history if the run is complete."""
        return len(self.history) if self.finished else self.epochs

    @property
    def epochs_saved(self) -> int:
        """The number of epochs that an interrupted run has finished and that will not run again."""
        saved = tf.train.latest_checkpoint(os.path.join(self._backup, "chief"))
        return int(tf.train.load_variable(saved, _SAVED_EPOCH)) + 1 if saved else 0

    def fit(self, train: Callable[[], TwoTower]) -> TwoTower:
        """Trains a model and loads the weights of its best epoch.

        Args:
          train: builds a model and trains it up to epoch `end` with `callbacks()`; called again if
            the files of an interrupted run turn out to be damaged.
        """
        try:
            model = train()
            self.restore_best(model)
        except Exception as error:  # Damaged files raise many types, of TensorFlow and Python.
            if not self._may_be_damaged:
                raise
            self._start_afresh(error)
            return self.fit(train)
        return model

    @property
    def _may_be_damaged(self) -> bool:
        """Whether an interrupted run's files are read now: before the first epoch or at the end."""
        return self._resumed and (not self._started or self.finished)

    def _start_afresh(self, error: Exception) -> None:
        """Discards all epochs, since the files of an interrupted run cannot be used."""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(
            f"    what an interrupted run left in {self._folder} is damaged, training starts "
            f"again: {reason}",
            flush=True,
        )
        self._remove_folder()
        self.history, self._started, self._resumed = [], 0.0, False

    def _remove_folder(self) -> None:
        if workers.is_chief() and tf.io.gfile.exists(self._folder):
            tf.io.gfile.rmtree(self._folder)

    def callbacks(self) -> list[tf.keras.callbacks.Callback]:
        """Returns this callback and the one that saves and restores weights, in this order.

        A kill between the two leaves an epoch too many in the history, which runs again; in the
        other order an epoch would be missing, and all later ones misnumbered.
        """
        return [self, tf.keras.callbacks.BackupAndRestore(self._backup, delete_checkpoint=False)]

    @property
    def _backup(self) -> str:
        return os.path.join(self._folder, "backup")

    def restore_best(self, model: TwoTower) -> None:
        """Loads the weights of the best epoch, and the optimizer's state if it was kept."""
        if self._patience is not None:
            workers.wait_for_all()  # the chief has written them
            read = self._checkpoint_of(model).read(self._weights(self.best_epoch))
            read.assert_existing_objects_matched()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock; discards epochs that run again, and weights no longer the best."""
        if epoch and not self._started:
            print(f"    resumed after epoch {epoch}", flush=True)
        elif self._resumed and not self._started:
            print(
                "    weights of the interrupted run are missing, training starts again", flush=True
            )
        del self.history[epoch:]
        if workers.is_chief() and self._patience is not None and self.history:
            # Not earlier: until the previous epoch was backed up, it might have had to run again.
            outdated = set(tf.io.gfile.glob(self._weights("*") + ".*"))
            for path in outdated - set(tf.io.gfile.glob(self._weights(self.best_epoch) + ".*")):
                tf.io.gfile.remove(path)
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates, keeps and prints the epoch; adds its metrics to `logs` for TensorBoard."""
        assert logs is not None
        if workers.count() > 1:  # Keras's logs are of this one alone.
            logs |= {metric.name: float(metric.result()) for metric in self.model.training_metrics}
        logs["targets_per_second"] = logs["targets"] / (time.perf_counter() - self._started)
        evaluate = self._evaluate
        with _averaged_weights(self.model) if evaluate else contextlib.nullcontext():
            temperature = self.model.query_tower.temperature
            if temperature is not None:
                logs["temperature"] = temperature
            if evaluate:
                metrics = evaluate(self.model) if workers.is_chief() else (0.0, 0.0)
                logs[f"val_{RECALL}"], logs[f"val_{MRR}"] = workers.of_chief(metrics)
            self.history.append({name: float(value) for name, value in logs.items()})
            if self._patience is not None and self.best_epoch == epoch + 1:
                self._save_weights(epoch + 1)
        if workers.is_chief():
            self._write_history()
        self._print_epoch(epoch, time.perf_counter() - self._started)
        if self._out_of_patience:
            self.model.stop_training = True

    def _weights(self, epoch: int | str) -> str:
        return os.path.join(self._folder, f"best-{epoch}")

    def _checkpoint_of(self, model: TwoTower) -> tf.train.Checkpoint:
        """Returns what is kept of a model's best epoch; all its weights must have been made."""
        parts: dict[str, Any] = {"weights": model.weights}
        if self._with_optimizer:
            parts["optimizer"] = model.optimizer
        return tf.train.Checkpoint(**parts)

    def _save_weights(self, epoch: int) -> None:
        """Saves what is kept; workers other than the chief take part, but keep no file."""
        if workers.is_chief():
            tf.io.gfile.makedirs(self._folder)
            self._checkpoint_of(self.model).write(self._weights(epoch))
            return
        with tempfile.TemporaryDirectory() as scratch:
            self._checkpoint_of(self.model).write(os.path.join(scratch, "weights"))

    def _write_history(self) -> None:
        tf.io.gfile.makedirs(self._folder)
        path = os.path.join(self._folder, _HISTORY)
        with tf.io.gfile.GFile(path + ".new", "w") as file:
            text = json.dumps(self.history)
            file.write(f"{_checksum(text)} {text}")
        tf.io.gfile.rename(path + ".new", path, overwrite=True)

    def _print_epoch(self, epoch: int, seconds: float) -> None:
        values = self.history[-1]
        parts = [f"loss {values['mean_loss']:.3f}"]
        if f"val_{RECALL}" in values:
            parts += [f"eval {name} {values[f'val_{name}']:.4f}" for name in (RECALL, MRR)]
        parts += [f"{values['targets_per_second']:,.0f} targets/s", f"{seconds:.1f} s"]
        print(f"    epoch {epoch + 1}/{self.epochs}  " + "  ".join(parts), flush=True)

    @property
    def _out_of_patience(self) -> bool:
        if self._patience is None or not self.history:
            return False
        return len(self.history) - self.best_epoch >= self._patience


def _read_history(path: str) -> list[dict[str, float]]:
    """Reads the file of `_write_history`; raises ValueError if it is damaged."""
    with tf.io.gfile.GFile(path, "rb") as file:
        checksum, _, text = file.read().decode("utf-8", "replace").partition(" ")
    if checksum != _checksum(text):
        raise ValueError(f"{path} does not have the content that was written")
    history: list[dict[str, float]] = json.loads(text)
    return history


def _checksum(text: str) -> str:
    """Returns a checksum, since one changed digit could make another epoch the best."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def _averaged_weights(model: tf.keras.Model) -> Iterator[None]:
    """Replaces the weights by the optimizer's averages, if any, within the context.

    At the end of training Keras itself leaves the averages in the weights.
    """
    weights = model.trainable_variables
    trained = [weight.read_value() for weight in weights]
    model.optimizer.finalize_variable_values(weights)
    try:
        yield
    finally:
        for weight, value in zip(weights, trained, strict=True):
            weight.assign(value)
