"""Measures the Trainer's real loop and its input pipeline, on the full RetailRocket's shape.

    python benchmarks/training.py                        # minutes
    python benchmarks/training.py --sessions 20000       # a quick look
    python benchmarks/training.py --items 1000000 --sessions 1000000 --only defaults

Made-up sessions: 187,000 of 674,000 events over 36,600 items. Each configuration is fitted for two
epochs by the code that the Trainer runs, and its second epoch is measured: the first one traces
graphs. The reference is the published notebook as it is. The input pipeline is measured alone, in
memory and streamed from gzipped TFRecords, in real events (padding not counted). The first thousand
windows are also evaluated on the whole catalogue after every epoch, so that the peak memory is that
of a whole training.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
from benchmarks import notebook  # isort: skip
from modules.data import batching, windowing  # isort: skip
from modules.model.tf_keras_compat import exempt_keras_from_autograph  # isort: skip
from modules.config.options.features import FeatureOptions  # isort: skip
from modules.config.options.trainer import TrainerOptions  # isort: skip
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint  # isort: skip
from modules.training.fitting import TrainingData, fit, epoch_eval_fn  # isort: skip
from modules.training.training_run import TrainingRun  # isort: skip
from modules.data.windowing import FEATURE  # isort: skip
from modules.data.item_indices import FIRST_ITEM  # isort: skip
from pipeline.config import Config, load_config  # isort: skip

CONFIGURATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "preset notebook, with its bugs fixed": ("notebook", ()),
    "defaults": ("sample", ()),
    "weights not averaged": ("sample", ("trainer.weight_averaging=0",)),
    "one ensemble member": ("sample", ("model.ensemble_size=1",)),
    "presets retailrocket and yoochoose": ("retailrocket", ()),
}
REFERENCE = "notebook as it is"
_EVAL_WINDOWS = 1_000


def make_sessions(sessions: int, items: int, seed: int = 0) -> tf.RaggedTensor:
    """Makes sessions of item indices, int64 `[sessions, (length)]`, 3.6 events each on average."""
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, sessions) - 1, 198)
    popularity = 1.0 / np.arange(1, items + 1) ** 0.8
    drawn = draw.choice(items, lengths.sum(), p=popularity / popularity.sum())
    return tf.RaggedTensor.from_row_lengths(drawn + FIRST_ITEM, lengths)


def make_windows(sessions: tf.RaggedTensor, options: FeatureOptions) -> tf.Tensor:
    """Cuts sessions into windows as Transform does."""
    cut = windowing.step_windows if options.targets == "all" else windowing.last_step_window
    items = cut(sessions, options.max_context).flat_values
    return tf.reshape(tf.cast(items, tf.int32), [-1, options.max_context + 1])


def targets_per_second(config: Config, sessions: tf.RaggedTensor, items: int) -> float:
    """Fits two epochs and returns the throughput of the second."""
    windows = tf.data.Dataset.from_tensors(make_windows(sessions, config.features))
    counts = batching.item_counts(windows, items + FIRST_ITEM)
    trainer = dataclasses.replace(config.trainer, early_stopping_patience=None)
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(config.features, config.model, trainer, "", folder, folder)
        parts = TrainingData(windows, counts, windows.map(lambda rows: rows[:_EVAL_WINDOWS]))
        checkpoint = BestEpochCheckpoint(f"{folder}/checkpoint", 2, None, epoch_eval_fn(run, parts))
        fit(run, "fit", parts, checkpoint)
    return checkpoint.history[-1]["targets_per_second"]


def throughput(name: str, sessions: tf.RaggedTensor, items: int) -> float:
    """Returns the targets per second of the reference or of a configuration."""
    if name != REFERENCE:
        return targets_per_second(load_without_files(*CONFIGURATIONS[name]), sessions, items)
    windows = make_windows(sessions, load_without_files("notebook", ()).features)
    return notebook.targets_per_second(windows, items + FIRST_ITEM)


def write_windows(windows: tf.Tensor, path: str) -> None:
    """Writes windows as Transform's gzipped TFRecords, one Example each."""
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for row in windows.numpy():
            values = {FEATURE: tf.train.Feature(int64_list=tf.train.Int64List(value=row))}
            example = tf.train.Example(features=tf.train.Features(feature=values))
            writer.write(example.SerializeToString())


def events_per_second(chunks: tf.data.Dataset, options: TrainerOptions) -> float:
    """Returns how many context events the batches of an epoch bring, without training."""
    batches = batching.training_batches(
        chunks,
        options.batch_targets,
        targets="all",
        reversed_sessions=options.reversed_sessions,
        seed=options.seed,
    )
    _count(batches)  # fills caches and threads
    begin = time.perf_counter()
    events = _count(batches)
    return events / (time.perf_counter() - begin)


def _count(batches: Iterable[batching.Batch]) -> int:
    return sum(int(np.count_nonzero(context)) for context, _ in batches)


def main() -> None:
    """Measures all and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sessions", type=int, default=187_000)
    parser.add_argument("--items", type=int, default=36_600)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[REFERENCE, *CONFIGURATIONS],
        default=[REFERENCE, *CONFIGURATIONS],
    )
    arguments = parser.parse_args()
    exempt_keras_from_autograph()
    sessions = make_sessions(arguments.sessions, arguments.items)
    found: dict[str, float] = {}
    for name in arguments.only:
        found[name] = throughput(name, sessions, arguments.items)
        ratio = f"{found[name] / found[REFERENCE]:.1f} x" if REFERENCE in found else ""
        print(f"{name:<45}{found[name]:>10,.0f} targets/s  {ratio}", flush=True)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'peak memory of the process':<45}{kibibytes / 2**20:>10.2f} GiB", flush=True)
    windows = make_windows(sessions, FeatureOptions())
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/windows.gz"
        write_windows(windows, file)
        options = TrainerOptions()
        in_memory = events_per_second(tf.data.Dataset.from_tensors(windows), options)
        streamed = batching.window_chunks([file], FeatureOptions().max_context)
        print(f"{'input pipeline, in memory':<45}{in_memory:>10,.0f} events/s")
        from_files = events_per_second(streamed, options)
        print(f"{'input pipeline, streamed':<45}{from_files:>10,.0f} events/s")


def load_without_files(preset: str, overrides: tuple[str, ...]) -> Config:
    """Reads a preset whose data files are not needed."""
    return load_config(preset, [*overrides, f"data.train={__file__}", f"data.test={__file__}"])


if __name__ == "__main__":
    main()
