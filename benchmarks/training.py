"""Measures the Trainer's real loop and its input pipeline, on the full RetailRocket's shape.

    python benchmarks/training.py                        # minutes
    python benchmarks/training.py --sessions 20000       # a quick look
    python benchmarks/training.py --items 1000000 --sessions 1000000 --only defaults
    python benchmarks/training.py --sessions 1000000 --only windows

Made-up sessions: 187,000 of 674,000 events over 36,600 items. Each configuration is fitted for two
epochs by the code that the Trainer runs, and its second epoch is measured: the first one traces
graphs. The reference is the published notebook as it is. The first thousand windows are also
evaluated on the whole catalogue after every epoch, so that the peak memory is that of a whole
training.

`windows` compares where windows come from: memory; Transform's gzipped TFRecords, read again in
each epoch; shards of them, for which `trainer.memory_limit_mb` is half of what their items take. An
epoch of batches alone is measured, in real events (padding not counted), and one with the training
of the defaults: seconds, and CPU seconds of all cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
from benchmarks.common import notebook  # isort: skip
from modules.data import batching, windowing  # isort: skip
from modules.data.scratch import scratch_folder  # isort: skip
from modules.model.tf_keras_compat import exempt_keras_from_autograph  # isort: skip
from modules.config.options.features import FeatureOptions  # isort: skip
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint  # isort: skip
from modules.training import fitting  # isort: skip
from modules.training.best_epoch_checkpoint import EvalFn  # isort: skip
from modules.training.fitting import TrainingData, fit, epoch_eval_fn  # isort: skip
from modules.training.training_run import TrainingRun  # isort: skip
from modules.data.windowing import FEATURE  # isort: skip
from modules.data.item_indices import FIRST_ITEM, PADDING  # isort: skip
from pipeline.config import Config, load_config  # isort: skip

CONFIGURATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "preset notebook, with its bugs fixed": ("notebook", ()),
    "defaults": ("sample", ()),
    "weights not averaged": ("sample", ("trainer.weight_averaging=0",)),
    "one ensemble member": ("sample", ("model.ensemble_size=1",)),
    "presets retailrocket and yoochoose": ("retailrocket", ()),
}
REFERENCE = "notebook as it is"
SOURCES = "windows"
_EVAL_WINDOWS = 1_000


def make_sessions(sessions: int, items: int, seed: int = 0) -> tf.RaggedTensor:
    """Makes sessions of item indices, int64 `[sessions, (length)]`, 3.6 events each on average."""
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, sessions) - 1, 198)
    popularity = 1.0 / np.arange(1, items + 1) ** 0.8
    drawn = draw.choice(items, lengths.sum(), p=popularity / popularity.sum())
    return tf.RaggedTensor.from_row_lengths(drawn + FIRST_ITEM, lengths)


def make_windows(sessions: tf.RaggedTensor, options: FeatureOptions) -> tf.RaggedTensor:
    """Cuts sessions into windows as Transform does, int32 `[windows, (items)]`."""
    cut = windowing.step_windows if options.targets == "all" else windowing.last_step_window
    items = cut(sessions, options.max_context).flat_values
    padded = tf.reshape(tf.cast(items, tf.int32), [-1, options.max_context + 1])
    return tf.RaggedTensor.from_tensor(padded, padding=PADDING)


class Took(NamedTuple):
    """What something took.

    Attributes:
      seconds: by the clock.
      cpu: seconds of all cores together.
    """

    seconds: float
    cpu: float

    @classmethod
    def now(cls) -> Took:
        """Returns both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, begin: Took) -> Took:
        """Returns what passed between two times."""
        return Took(self.seconds - begin.seconds, self.cpu - begin.cpu)


def targets_per_second(config: Config, sessions: tf.RaggedTensor, items: int) -> float:
    """Fits two epochs and returns the throughput of the second."""
    windows = tf.data.Dataset.from_tensors(make_windows(sessions, config.features))
    counts = batching.item_counts(windows, items + FIRST_ITEM)
    parts = TrainingData(windows, counts, windows.map(lambda rows: rows[:_EVAL_WINDOWS]))
    return fit_two_epochs(config, parts, lambda run: epoch_eval_fn(run, parts))


def fit_two_epochs(
    config: Config, parts: TrainingData, evaluation: Callable[[TrainingRun], EvalFn]
) -> float:
    """Fits two epochs as the Trainer does and returns the targets per second of the second."""
    trainer = dataclasses.replace(config.trainer, early_stopping_patience=None)
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(config.features, config.model, trainer, "", folder, folder)
        checkpoint = BestEpochCheckpoint(f"{folder}/checkpoint", 2, None, evaluation(run))
        fit(run, "fit", parts, checkpoint)
    return checkpoint.history[-1]["targets_per_second"]


def throughput(name: str, sessions: tf.RaggedTensor, items: int) -> float:
    """Returns the targets per second of the reference or of a configuration."""
    if name != REFERENCE:
        return targets_per_second(load_without_files(*CONFIGURATIONS[name]), sessions, items)
    features = load_without_files("notebook", ()).features
    shape = [None, features.max_context + 1]
    windows = make_windows(sessions, features).to_tensor(PADDING, shape=shape)
    return notebook.targets_per_second(windows, items + FIRST_ITEM)


def write_windows(windows: tf.RaggedTensor, max_context: int, path: str) -> None:
    """Writes windows as Transform's gzipped TFRecords, one Example each."""
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for row in windows.to_tensor(PADDING, shape=[None, max_context + 1]).numpy():
            values = {FEATURE: tf.train.Feature(int64_list=tf.train.Int64List(value=row))}
            example = tf.train.Example(features=tf.train.Features(feature=values))
            writer.write(example.SerializeToString())


def sources(windows: tf.RaggedTensor, config: Config) -> Iterator[tuple[str, TrainingData]]:
    """Yields the same windows from memory, from TFRecords, and from shards of these."""
    in_memory = tf.data.Dataset.from_tensors(windows)
    counts = batching.item_counts(in_memory, int(tf.reduce_max(windows)) + 1)
    yield "memory", TrainingData(in_memory, counts)
    limit = windows.dtype.size * len(windows.values) // 2**21
    trainer = dataclasses.replace(config.trainer, memory_limit_mb=limit)
    run = TrainingRun(config.features, config.model, trainer, "", "", "")
    with tempfile.TemporaryDirectory() as folder, scratch_folder() as scratch:
        files = [f"{folder}/windows.gz"]
        write_windows(windows, config.features.max_context, files[0])
        chunks = batching.window_chunks(files, config.features.max_context)
        yield "TFRecords in each epoch", TrainingData(chunks, counts)
        begin = Took.now()
        train, shards = fitting.training_windows(run, files, scratch)
        took = Took.now().since(begin)
        assert shards is not None
        name = f"{len(shards.files)} shards, written in {took.seconds:.1f} s, {took.cpu:.1f} CPU s"
        yield name, TrainingData(train, counts, shards=shards)


def epoch_of_batches(parts: TrainingData, config: Config) -> tuple[int, Took]:
    """Reads two epochs of batches without training; returns the second's events and time."""
    run = TrainingRun(config.features, config.model, config.trainer, "", "", "")
    batches, _ = fitting.training_batches(run, parts)

    def epoch() -> int:
        return sum(int(np.count_nonzero(context)) for context, *_ in batches)

    epoch()  # fills caches and threads
    begin = Took.now()
    return epoch(), Took.now().since(begin)


def epoch_of_training(parts: TrainingData, config: Config) -> Took:
    """Trains two epochs; returns the time of the second."""
    times = []

    def note(_: object) -> tuple[float, float]:
        times.append(Took.now())
        return 0.0, 0.0

    fit_two_epochs(config, parts, lambda run: note)
    return times[1].since(times[0])


def compare_sources(windows: tf.RaggedTensor, config: Config) -> None:
    """Prints a table of what an epoch takes by where its windows come from."""
    size = windows.dtype.size * len(windows.values)
    print(f"\n{int(windows.nrows()):,} windows of {size / 2**20:.0f} MiB of items")
    titles = f"{'batches s':>10}{'CPU s':>8}{'events/s':>12}{'training s':>12}{'CPU s':>8}"
    print(f"{'epoch from':<45}{titles}")
    for name, parts in sources(windows, config):
        events, batches = epoch_of_batches(parts, config)
        training = epoch_of_training(parts, config)
        print(
            f"{name:<45}{batches.seconds:>10.1f}{batches.cpu:>8.1f}"
            f"{events / batches.seconds:>12,.0f}{training.seconds:>12.1f}{training.cpu:>8.1f}",
            flush=True,
        )


def main() -> None:
    """Measures all and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sessions", type=int, default=187_000)
    parser.add_argument("--items", type=int, default=36_600)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[REFERENCE, *CONFIGURATIONS, SOURCES],
        default=[REFERENCE, *CONFIGURATIONS, SOURCES],
    )
    arguments = parser.parse_args()
    exempt_keras_from_autograph()
    sessions = make_sessions(arguments.sessions, arguments.items)
    found: dict[str, float] = {}
    for name in arguments.only:
        if name == SOURCES:
            continue
        found[name] = throughput(name, sessions, arguments.items)
        ratio = f"{found[name] / found[REFERENCE]:.1f} x" if REFERENCE in found else ""
        print(f"{name:<45}{found[name]:>10,.0f} targets/s  {ratio}", flush=True)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'peak memory of the process':<45}{kibibytes / 2**20:>10.2f} GiB", flush=True)
    if SOURCES in arguments.only:
        config = load_without_files("sample", ())
        compare_sources(make_windows(sessions, config.features), config)


def load_without_files(preset: str, overrides: tuple[str, ...]) -> Config:
    """Reads a preset whose data files are not needed."""
    return load_config(preset, [*overrides, f"data.train={__file__}", f"data.test={__file__}"])


if __name__ == "__main__":
    main()
