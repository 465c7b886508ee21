"""What `gpu.py` measures, each in a process of its own: trainings, steps by device, whole fits.

The functions take devices and sizes, so that tests call them with small ones on the CPU.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
from benchmarks.gpu_check import agreement, profiling  # isort: skip
from benchmarks.common.daily_sessions import read_sessions  # isort: skip
from benchmarks.training import load_without_files, make_sessions, make_windows  # isort: skip
from modules.data import batching  # isort: skip
from modules.data.item_indices import FIRST_ITEM  # isort: skip
from modules.model.tf_keras_compat import exempt_keras_from_autograph  # isort: skip
from modules.model.two_tower import TwoTower  # isort: skip
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint  # isort: skip
from modules.training.fitting import TrainingData, fit, select  # isort: skip
from modules.training.training_run import TrainingRun  # isort: skip
from pipeline.config import Config  # isort: skip
from pipeline.sample.generate import generate_sessions  # isort: skip

Measured = dict[str, Any]
"""What a process reports: numbers and texts by name."""

PRESET = "retailrocket"
TRAININGS: dict[str, tuple[str, ...]] = {
    "float32": (),
    "mixed_bfloat16": ("trainer.precision=mixed_bfloat16",),
    "mixed_float16": ("trainer.precision=mixed_float16",),
    "full softmax, float32": ("trainer.loss=full",),
    "full softmax, mixed_bfloat16": ("trainer.loss=full", "trainer.precision=mixed_bfloat16"),
}
"""Overrides of the preset for each training that is measured and profiled."""


def gpus() -> list[Measured]:
    """Returns name and compute capability of each GPU that TensorFlow finds."""
    return [
        {
            "name": details.get("device_name", device.name),
            "capability": ".".join(map(str, details.get("compute_capability", ()))),
        }
        for device in tf.config.list_physical_devices("GPU")
        for details in [tf.config.experimental.get_device_details(device)]
    ]


def use(number: int) -> None:
    """Makes the first GPUs visible, 0 for the CPU alone, and lets other processes have memory."""
    visible = tf.config.list_physical_devices("GPU")[:number]
    tf.config.set_visible_devices(visible, "GPU")
    for device in visible:
        tf.config.experimental.set_memory_growth(device, True)


# A training that is measured and profiled ---------------------------------------------------------


def training(name: str, sessions: int, items: int) -> Measured:
    """Trains three epochs as the Trainer does: one to trace, one to measure, one to profile.

    Args:
      name: one of `TRAININGS`.
      sessions: number of made-up sessions.
      items: number of items, each of which has an event.
    """
    config = load_without_files(PRESET, (*TRAININGS[name], "trainer.early_stopping_patience=null"))
    windows = _chunk(config, make_sessions(sessions, items))
    # One more event for each, so that the softmax is over all of them.
    counts = batching.item_counts(windows, items + FIRST_ITEM) + 1
    counts *= tf.cast(tf.range(items + FIRST_ITEM) >= FIRST_ITEM, tf.int64)
    with tempfile.TemporaryDirectory() as folder:
        profiler = _ProfileOfLastEpoch(Path(folder) / "profile", 3)
        checkpoint = BestEpochCheckpoint(f"{folder}/checkpoint", 3, None, profiler)
        fit(_run(config, folder), "fit", TrainingData(windows, counts), checkpoint)
    profile = profiler.profile
    assert profile is not None
    return {
        "targets_per_second": checkpoint.history[1]["targets_per_second"],
        "last_loss": checkpoint.history[-1]["mean_loss"],
        "ops": profile.cudnn_ops,
        "all_ops": sum(profile.ops.values()),
        "busy_share": profile.busy_share,
        "cudnn_rnn_ms": {name: 1e3 * took for name, took in profile.cudnn_rnn_seconds.items()},
        "peak_bytes": _peak_bytes(),
    }


class _ProfileOfLastEpoch:
    """Called at the end of each epoch, as an evaluation is; takes a profile of the last one."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.profile: profiling.Profile | None = None
        self._folder, self._left = folder, epochs

    def __call__(self, _: TwoTower) -> tuple[float, float]:
        self._left -= 1
        if self._left == 1:
            profiling.start(self._folder)
        elif self._left == 0:
            self.profile = profiling.stop(self._folder)
        return 0.0, 0.0


def _peak_bytes() -> int | None:
    """Returns the most memory that the first GPU held at a time; None without a GPU."""
    if not tf.config.list_logical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


# A whole fit --------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """A whole fit: its sessions and its options.

    Attributes:
      preset: preset whose options are used.
      file: TSV with SessionId, ItemId and Time; None for sessions of the bundled generator.
      sessions: number of sessions to make up.
      overrides: options that differ from the preset's.
    """

    preset: str = "sample"
    file: Path | None = None
    sessions: int = 20_000
    overrides: tuple[str, ...] = ()


def whole_fit(asked: Fit) -> Measured:
    """Fits a model and selects epochs and score adjustments, as the Trainer does before a refit.

    The last 15 % of sessions are split eval.
    """
    config = load_without_files(asked.preset, asked.overrides)
    sessions = _indexed(_made_up(asked.sessions) if asked.file is None else _read(asked.file))
    cut = round(0.85 * int(sessions.nrows()))
    train, evaluation = (_chunk(config, part) for part in (sessions[:cut], sessions[cut:]))
    counts = batching.item_counts(train, int(tf.reduce_max(sessions.flat_values)) + 1)
    evaluation = evaluation.map(lambda windows: batching.keep_items(windows, counts > 0)).cache()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        parts = TrainingData(train, counts, evaluation)
        selection = select(_run(config, folder), "fit", parts).selection
    return {
        "recall": selection.recall,
        "mrr": selection.mrr,
        "epochs": selection.epochs,
        "seconds": time.perf_counter() - began,
        "peak_bytes": _peak_bytes(),
    }


def _made_up(sessions: int) -> list[Sequence[str | bytes]]:
    train, _ = generate_sessions(sessions)
    return [session.item_ids for session in sorted(train, key=lambda one: one.event_times[0])]


def _read(file: Path) -> list[Sequence[str | bytes]]:
    return [session.item_ids for session in read_sessions([file])]


def _indexed(sessions: Sequence[Sequence[str | bytes]]) -> tf.RaggedTensor:
    """Numbers items as they come, int64 `[sessions, (length)]`."""
    index: dict[str | bytes, int] = {}
    rows = [[index.setdefault(i, len(index) + FIRST_ITEM) for i in items] for items in sessions]
    return tf.ragged.constant(rows, tf.int64)


def _chunk(config: Config, sessions: tf.RaggedTensor) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(make_windows(sessions, config.features))


def _run(config: Config, folder: str) -> TrainingRun:
    exempt_keras_from_autograph()
    return TrainingRun(config.features, config.model, config.trainer, "", folder, folder)


def check(
    name: str, sizes: Mapping[str, int], fitted: Fit, number: int
) -> Measured | list[Measured]:
    """Makes one measurement, by the name that `gpu.py` gives its process.

    Args:
      name: `gpus`, `steps`, `replicas`, `fit`, or one of `TRAININGS`.
      sizes: `sessions` and `items` of the trainings.
      fitted: the whole fit.
      number: number of GPUs to use; 0 for the CPU.
    """
    if name == "gpus":
        return gpus()
    if name == "replicas" and not number:  # two parts of the CPU stand for GPUs
        (cpu,) = tf.config.list_physical_devices("CPU")
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, halves)
    use(number)
    kind = "GPU" if number else "CPU"
    measurements: dict[str, Callable[[], Measured]] = {
        "steps": lambda: agreement.steps(f"{kind}:0"),
        "replicas": lambda: agreement.replicas([f"{kind}:{n}" for n in range(number or 2)]),
        "fit": lambda: whole_fit(fitted),
    }
    trained = functools.partial(training, name, **sizes)
    return measurements.get(name, trained)()
