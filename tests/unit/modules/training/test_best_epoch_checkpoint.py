"""Early stopping and resuming, on real fits of a tiny model; a fault stands for the kill."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.model.lazy_adam import LazyAdam
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint
from tests.file_damage import cut, flip


def _history(folder: Path, *recalls: float) -> Path:
    return _write_history(folder, [(recall, 0.1) for recall in recalls])


def _write_history(folder: Path, metrics: Sequence[tuple[float, float]]) -> Path:
    text = json.dumps([{"val_recall@20": recall, "val_mrr@20": mrr} for recall, mrr in metrics])
    checksum = hashlib.sha256(text.encode()).hexdigest()
    (folder / "history.json").write_text(f"{checksum} {text}", "utf-8")
    return folder


@pytest.mark.parametrize(
    ("recalls", "best"), [((0.1, 0.3, 0.2), 2), ((0.1, 0.2, 0.2), 2), ((0.4,), 1)]
)
def test_the_best_epoch_survives_a_kill(
    tmp_path: Path, recalls: tuple[float, ...], best: int
) -> None:
    assert BestEpochCheckpoint(str(_history(tmp_path, *recalls)), 10, 2).best_epoch == best


def test_mrr_counts_as_much_as_recall(tmp_path: Path) -> None:
    """The last epoch has the largest sum."""
    figures = ((0.30, 0.10), (0.34, 0.08), (0.28, 0.13), (0.45, 0.08))
    assert BestEpochCheckpoint(str(_write_history(tmp_path, figures)), 10, 2).best_epoch == 3


def test_without_early_stopping_the_last_epoch_counts(tmp_path: Path) -> None:
    assert BestEpochCheckpoint(str(_history(tmp_path, 0.3, 0.1)), 10, None).best_epoch == 2


@pytest.mark.parametrize(
    ("recalls", "epochs", "finished", "end"),
    [
        ((0.1, 0.2), 10, False, 10),
        ((0.3, 0.2), 10, False, 10),
        ((0.3, 0.2, 0.1), 10, True, 3),
        ((0.1, 0.2), 2, True, 2),
        ((), 2, False, 2),
    ],
)
def test_a_complete_run_does_not_start_again(
    tmp_path: Path, recalls: tuple[float, ...], epochs: int, finished: bool, end: int
) -> None:
    checkpoint = BestEpochCheckpoint(str(_history(tmp_path, *recalls)), epochs, 2)
    assert (checkpoint.finished, checkpoint.end) == (finished, end)


class _Kill(tf.keras.callbacks.Callback):
    """Ends the process's fit at a place where only what is on disk survives."""

    def __init__(self, at: str, epoch: int) -> None:
        super().__init__()
        self._at, self._epoch, self._now = at, epoch, -1

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._now = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._at == "batch" and self._now == self._epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._at == "epoch" and self._now == self._epoch:
            raise KeyboardInterrupt


class Model(tf.keras.Model):
    """Fits a line; a hundredth of a real model's time."""

    def __init__(self) -> None:
        super().__init__()
        self.query_tower = tf.keras.layers.Dense(1)
        self.query_tower.temperature = None
        self.mean_loss = tf.keras.metrics.Mean("mean_loss")

    def train_step(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.query_tower(inputs) - 1))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.mean_loss.update_state(loss)
        return {"mean_loss": self.mean_loss.result(), "targets": tf.size(inputs)}


class Fit:
    """What a fit left behind."""

    def __init__(
        self,
        folder: Path | str,
        recalls: tuple[float, ...] = (),
        epochs: int = 4,
        patience: int | None = None,
        kill: tuple[int, str, int] | None = None,
        with_optimizer: bool = False,
    ) -> None:
        """Fits; `kill` is (place among the checkpoint's callbacks, batch or epoch, number)."""

        def evaluate(model: tf.keras.Model) -> tuple[float, float]:
            return recalls[len(self.checkpoint.history)], 0.1

        self.checkpoint = BestEpochCheckpoint(
            str(folder),
            epochs,
            patience,
            evaluate if recalls else None,
            with_optimizer=with_optimizer,
        )
        try:
            self.checkpoint.fit(lambda: self._train(kill))
        except KeyboardInterrupt:
            assert kill
        else:
            assert not kill

    def _train(self, kill: tuple[int, str, int] | None) -> Model:
        tf.keras.utils.set_random_seed(1)
        self.model = Model()
        self.answers()  # makes the weights
        # Eagerly: compiling the step would take longer than all its steps.
        self.model.compile(optimizer=tf.keras.optimizers.Adam(0.1), run_eagerly=True)
        callbacks = self.checkpoint.callbacks()
        if kill:
            callbacks.insert(kill[0], _Kill(*kill[1:]))
        batches = tf.data.Dataset.from_tensors([[1.0, 2.0], [3.0, -1.0]]).repeat(2)
        self.model.fit(batches, epochs=self.checkpoint.end, callbacks=callbacks, verbose=0)
        return self.model

    def answers(self) -> np.ndarray:
        return self.model.query_tower(tf.eye(2)).numpy()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Four epochs in one go."""
    return Fit(tmp_path_factory.mktemp("whole"))


def _epochs_printed(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.strip().startswith("epoch")]


@pytest.mark.parametrize(
    ("kill", "resumed_after"),
    [
        ((2, "batch", 3), 2),  # in the middle of an epoch
        ((1, "epoch", 2), 1),  # the history is written, the weights are not
        ((2, "epoch", 2), 2),  # both are
    ],
)
def test_a_killed_run_resumes_with_the_same_result_as_an_uninterrupted_one(
    tmp_path: Path,
    whole: Fit,
    capsys: pytest.CaptureFixture[str],
    kill: tuple[int, str, int],
    resumed_after: int,
) -> None:
    Fit(tmp_path, kill=kill)
    capsys.readouterr()

    resumed = Fit(tmp_path)

    output = capsys.readouterr().out
    assert f"resumed after epoch {resumed_after}\n" in output
    assert _epochs_printed(output) == [f"{n}/4" for n in range(resumed_after + 1, 5)]
    assert resumed.checkpoint.best_epoch == 4
    # Weights, optimizer and order of steps are those of an uninterrupted fit.
    np.testing.assert_allclose(resumed.answers(), whole.answers(), atol=1e-6)


def test_a_killed_run_resumes_in_an_object_store(
    whole: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow's file system in memory stands for gs://: nothing but tf.io.gfile opens both."""
    folder = f"ram://{time.time_ns()}"
    recalls = (0.1, 0.2, 0.3, 0.4)
    Fit(folder, recalls, patience=2, kill=(2, "batch", 3))

    resumed = Fit(folder, recalls, patience=2)

    assert "resumed after epoch 2\n" in capsys.readouterr().out
    np.testing.assert_allclose(resumed.answers(), whole.answers(), atol=1e-6)


@pytest.mark.parametrize(
    ("pattern", "damage", "first"),
    [
        ("history.json", cut, "1/4"),
        ("history.json", flip, "1/4"),
        # A later epoch is better, so that nobody reads these.
        ("best-*.data-*", Path.unlink, "3/4"),
        ("best-*.index", flip, "3/4"),
        ("backup/chief/checkpoint", Path.unlink, "1/4"),
        ("backup/chief/checkpoint", flip, "1/4"),
        ("backup/chief/*.data-*", flip, "1/4"),
        ("backup/chief/*.index", Path.unlink, "1/4"),
    ],
)
def test_files_of_a_killed_run_may_be_damaged(
    tmp_path: Path,
    whole: Fit,
    capsys: pytest.CaptureFixture[str],
    pattern: str,
    damage: Callable[[Path], None],
    first: str,
) -> None:
    recalls = (0.1, 0.2, 0.3, 0.4)
    Fit(tmp_path, recalls, patience=2, kill=(2, "batch", 3))
    for path in tmp_path.glob(pattern):
        damage(path)
    capsys.readouterr()

    again = Fit(tmp_path, recalls, patience=2)

    output = capsys.readouterr().out
    assert _epochs_printed(output)[-1] == "4/4"
    assert again.checkpoint.best_epoch == 4
    np.testing.assert_allclose(again.answers(), whole.answers(), atol=1e-6)
    assert _epochs_printed(output)[0] == first
    assert ("training starts again" in output) == (first == "1/4")


def test_a_complete_run_with_damaged_best_weights_is_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recalls = (0.1, 0.4, 0.3, 0.2)
    before = Fit(tmp_path, recalls, patience=2)
    for path in tmp_path.glob("best-2.data-*"):
        flip(path)
    capsys.readouterr()

    again = Fit(tmp_path, recalls, patience=2)

    output = capsys.readouterr().out
    assert "training starts again" in output
    assert _epochs_printed(output) == ["1/4", "2/4", "3/4", "4/4"]
    np.testing.assert_allclose(again.answers(), before.answers(), atol=1e-6)


def test_an_error_of_the_training_itself_is_not_taken_for_damage(tmp_path: Path) -> None:
    Fit(tmp_path, kill=(2, "batch", 3))
    checkpoint = BestEpochCheckpoint(str(tmp_path), 4, None)

    def train() -> Any:
        checkpoint.on_epoch_begin(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        checkpoint.fit(train)


def test_a_run_without_its_history_starts_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Fit(tmp_path, epochs=2)
    (tmp_path / "history.json").unlink()
    capsys.readouterr()

    Fit(tmp_path, epochs=2)

    assert _epochs_printed(capsys.readouterr().out) == ["1/2", "2/2"]


def test_an_uninterrupted_run_prints_nothing_about_resuming(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Fit(tmp_path, epochs=2)

    output = capsys.readouterr().out
    assert "resumed" not in output
    assert _epochs_printed(output) == ["1/2", "2/2"]


def test_stops_when_patience_is_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = Fit(tmp_path, (0.1, 0.4, 0.4, 0.3, 0.9), epochs=5, patience=2)

    assert _epochs_printed(capsys.readouterr().out) == ["1/5", "2/5", "3/5", "4/5"]
    assert fit.checkpoint.best_epoch == 2


def test_trains_on_while_it_gets_better(tmp_path: Path) -> None:
    fit = Fit(tmp_path, (0.1, 0.2, 0.1, 0.3), patience=2)

    assert fit.checkpoint.best_epoch == 4


def test_the_weights_of_the_best_epoch_are_restored(tmp_path: Path, whole: Fit) -> None:
    recalls = (0.1, 0.4, 0.2, 0.3)
    fit = Fit(tmp_path / "long", recalls, patience=2)

    two_epochs = Fit(tmp_path / "short", epochs=2).answers()
    np.testing.assert_allclose(fit.answers(), two_epochs, atol=1e-6)
    assert np.abs(whole.answers() - two_epochs).max() > 0.01


@pytest.mark.parametrize("with_optimizer", [True, False])
def test_the_state_of_the_optimizer_is_kept_on_request(
    tmp_path: Path, with_optimizer: bool
) -> None:
    fit = Fit(tmp_path / "long", (0.1, 0.4, 0.2, 0.3), patience=2, with_optimizer=with_optimizer)

    two_epochs = Fit(tmp_path / "short", epochs=2)
    same = [
        np.allclose(kept, after_two, atol=1e-6)
        for kept, after_two in zip(
            fit.model.optimizer.variables, two_epochs.model.optimizer.variables, strict=True
        )
    ]
    assert len(same) > 3 and all(same) == with_optimizer


def test_without_early_stopping_the_last_weights_stay(whole: Fit) -> None:
    before = whole.answers()

    np.testing.assert_array_equal(whole.answers(), before)


def test_patience_counts_epochs_before_and_after_a_kill(tmp_path: Path) -> None:
    recalls = (0.4, 0.3, 0.2, 0.9)
    Fit(tmp_path, recalls, patience=2, kill=(2, "batch", 3))

    resumed = Fit(tmp_path, recalls, patience=2)

    assert resumed.checkpoint.best_epoch == 1
    assert resumed.checkpoint.end == 3


@pytest.mark.parametrize("patience", [2, None])
def test_a_complete_run_is_restored_without_a_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], patience: int | None
) -> None:
    """Killed after its last epoch, while the model was exported."""
    recalls = (0.4, 0.3, 0.2, 0.9)
    first = Fit(tmp_path, recalls, patience=patience)
    first.checkpoint.restore_best(first.model)
    capsys.readouterr()

    second = Fit(tmp_path, recalls, patience=patience)
    second.checkpoint.restore_best(second.model)

    assert _epochs_printed(capsys.readouterr().out) == []
    assert second.checkpoint.best_epoch == first.checkpoint.best_epoch
    np.testing.assert_allclose(second.answers(), first.answers(), atol=1e-6)


def test_an_epoch_that_runs_again_does_not_spoil_the_best_weights(tmp_path: Path) -> None:
    """It seemed the best before the kill; when it runs again, it is not."""
    Fit(tmp_path, (0.4, 0.9, 0.0, 0.0), patience=3, kill=(1, "epoch", 2))

    resumed = Fit(tmp_path, (0.4, 0.3, 0.2, 0.1), patience=3)

    one_epoch = Fit(tmp_path / "short", epochs=1).answers()
    np.testing.assert_allclose(resumed.answers(), one_epoch, atol=1e-6)


def test_only_the_best_weights_are_kept(tmp_path: Path) -> None:
    Fit(tmp_path, (0.1, 0.2, 0.3, 0.2), patience=2)

    kept = {path.name.split(".")[0] for path in tmp_path.glob("best-*")}
    assert kept == {"best-3"}


@pytest.mark.parametrize("optimizer_class", [tf.keras.optimizers.Adam, LazyAdam])
def test_averages_are_evaluated_and_training_continues_without_them(
    tmp_path: Path, optimizer_class: type[tf.keras.optimizers.Optimizer]
) -> None:
    judged = []

    def evaluate(model: tf.keras.Model) -> tuple[float, float]:
        judged.append(model.query_tower.get_weights())
        return 0.1, 0.1

    model = Model()
    optimizer = optimizer_class(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer=optimizer, run_eagerly=True)
    checkpoint = BestEpochCheckpoint(str(tmp_path), 1, None, evaluate)
    before_judging, after = [], []
    watch = tf.keras.callbacks.LambdaCallback(
        on_batch_end=lambda batch, logs: before_judging.append(model.query_tower.get_weights()),
        on_epoch_end=lambda epoch, logs: after.append(model.query_tower.get_weights()),
    )
    batches = tf.data.Dataset.from_tensors([[1.0, 2.0], [3.0, -1.0]]).repeat(2)
    model.fit(batches, epochs=1, callbacks=[*checkpoint.callbacks(), watch], verbose=0)

    # Keras itself leaves the averages in the weights when a fit is over.
    averages = model.query_tower.get_weights()
    for average, values, trained, on in zip(
        averages, judged[0], before_judging[-1], after[0], strict=True
    ):
        np.testing.assert_array_equal(values, average)
        np.testing.assert_array_equal(on, trained)
        assert np.abs(values - trained).max() > 0.01


def test_throughput_is_of_training_alone(tmp_path: Path) -> None:
    def evaluate(model: tf.keras.Model) -> tuple[float, float]:
        time.sleep(0.2)
        return 0.1, 0.1

    model = Model()
    model.compile(optimizer=tf.keras.optimizers.Adam(0.1))
    checkpoint = BestEpochCheckpoint(str(tmp_path), 1, None, evaluate)
    checkpoint.set_model(model)
    logs = {"targets": 1e6, "mean_loss": 1.0}
    checkpoint.on_epoch_begin(0)
    checkpoint.on_epoch_end(0, logs)

    assert logs["targets_per_second"] > 1e6 / 0.1
