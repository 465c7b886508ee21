"""What a fit remembers from epoch to epoch, also across a kill: progress, best epoch, weights."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import tensorflow as tf

from modules.model import MRR, RECALL, TwoTower

_HISTORY = "history.json"


class EpochKeeper(tf.keras.callbacks.Callback):
    """Prints a line per epoch, stops early, keeps the best weights, and survives a kill.

    Use it beside `backup()`, which restores the weights and the epoch number; this one restores
    the history that early stopping judges by. Without validation the last epoch is the best.
    """

    def __init__(self, folder: str, epochs: int, patience: int | None) -> None:
        """Reads the history of a killed fit, if there is one.

        Args:
          folder: for this fit alone; created when first needed.
          epochs: most epochs.
          patience: epochs without a better Recall@20 before the fit ends; None never stops early.
        """
        super().__init__()
        self.epochs = epochs
        self._folder = folder
        self._patience = patience
        self._history: list[dict[str, float]] = []
        self._started = 0.0
        path = os.path.join(folder, _HISTORY)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self._history = json.load(file)

    @property
    def best_epoch(self) -> int:
        """The epoch to train to, counted from 1."""
        if self._patience is None:
            return len(self._history)
        recalls = [epoch[f"val_{RECALL}"] for epoch in self._history]
        return 1 + recalls.index(max(recalls))

    @property
    def finished(self) -> bool:
        """Whether the fit came to its end: all epochs ran, or it stopped early."""
        return len(self._history) >= self.epochs or self._out_of_patience

    def backup(self) -> tf.keras.callbacks.Callback:
        """Returns Keras's own callback that saves and restores weights after every epoch."""
        return tf.keras.callbacks.BackupAndRestore(os.path.join(self._folder, "backup"))

    def restore_best(self, model: TwoTower) -> None:
        """Loads the weights of the best epoch."""
        if self._patience is not None:
            model.load_weights(self._best_weights).expect_partial()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Ends a fit that was out of patience when it was killed."""
        self._stop_if_done()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock; forgets epochs that are run again."""
        if epoch and not self._started:
            print(f"    resumed after epoch {epoch}", flush=True)
        self._started = time.perf_counter()
        del self._history[epoch:]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps and prints what the epoch reached; adds throughput and temperature to `logs`."""
        assert logs is not None
        seconds = time.perf_counter() - self._started
        logs["targets_per_second"] = logs["targets"] / seconds
        temperature = getattr(self.model.query_tower, "log_temperature", None)
        if temperature is not None:
            logs["temperature"] = float(tf.exp(temperature))
        self._history.append({name: float(value) for name, value in logs.items()})
        os.makedirs(self._folder, exist_ok=True)
        if self._patience is not None and self.best_epoch == epoch + 1:
            self.model.save_weights(self._best_weights)
        self._write_history()
        self._print_epoch(epoch, seconds)
        self._stop_if_done()

    @property
    def _best_weights(self) -> str:
        return os.path.join(self._folder, "best")

    def _write_history(self) -> None:
        path = os.path.join(self._folder, _HISTORY)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(self._history, file)
        os.replace(path + ".new", path)

    def _print_epoch(self, epoch: int, seconds: float) -> None:
        values = self._history[-1]
        parts = [f"loss {values['mean_loss']:.3f}"]
        if f"val_{RECALL}" in values:
            parts += [f"eval {name} {values[f'val_{name}']:.4f}" for name in (RECALL, MRR)]
        parts += [f"{values['targets_per_second']:,.0f} targets/s", f"{seconds:.1f} s"]
        print(f"    epoch {epoch + 1}/{self.epochs}  " + "  ".join(parts), flush=True)

    @property
    def _out_of_patience(self) -> bool:
        if self._patience is None or not self._history:
            return False
        return len(self._history) - self.best_epoch >= self._patience

    def _stop_if_done(self) -> None:
        if self._out_of_patience:
            self.model.stop_training = True
