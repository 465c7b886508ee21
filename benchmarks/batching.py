"""Measures a model's time by batch size, and derives TensorFlow Serving's batching parameters.

    python benchmarks/batching.py                        # `recommend`, 37,000 items
    python benchmarks/batching.py --signature embed_query
    python benchmarks/batching.py --model output/sample/pushed/1    # a pushed model

Sessions of 10 items, one thread, as each of the server's batch threads has a core; the sizes take
turns, so that a busy machine slows all alike. Prints the table and the text for `batching.config`.
TensorFlow runs the model here as it does in the server, but the server itself was not run: what
its own queue costs is not in the numbers.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip

from benchmarks.common.learned_model import learned_model  # isort: skip
from modules.serving.latency import percentiles  # isort: skip

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SESSION_LENGTH = 10
ENOUGH = 0.9  # of the most rows per second: larger batches cost latency for little
WARM_UP = 3


class Parameters(NamedTuple):
    """TensorFlow Serving's batching parameters, as its documentation names them."""

    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int
    num_batch_threads: int

    def __str__(self) -> str:
        """Returns the text of the server's message."""
        return "\n".join(f"{name} {{ value: {value} }}" for name, value in self._asdict().items())


def parameters(milliseconds: Mapping[int, float], cores: int, budget: float) -> Parameters:
    """Derives the parameters.

    The largest batch is the smallest one with nearly the most rows per second that takes at most a
    third of the budget, so that a request that comes behind two others is answered in it. A lone
    request waits for others no longer than its own answer takes. What waits longer than the budget
    is better refused.

    Args:
      milliseconds: median time of each batch size, with one row among them.
      cores: number of cores, each of which computes one batch.
      budget: milliseconds in which a request should be answered.
    """
    rates = {size: size / took for size, took in milliseconds.items() if took <= budget / 3}
    rates = rates or {1: 1 / milliseconds[1]}
    size = min(size for size, rate in rates.items() if rate >= ENOUGH * max(rates.values()))
    waiting = max(1, int(budget / milliseconds[size]) - 1)
    return Parameters(size, int(10 * milliseconds[1]) * 100, cores * waiting, cores)


def measure(function: Any, inputs: Sequence[tf.Tensor], rounds: int) -> dict[int, float]:
    """Returns the median milliseconds of each size; sizes take turns."""
    took: dict[int, list[float]] = {size: [] for size in SIZES}
    for turn in range(rounds):
        for size in SIZES:
            for number in range(-WARM_UP if turn == 0 else -1, max(1, 16 // size)):
                rows = (turn + number) * size % (len(inputs) - size)
                batch = inputs[rows : rows + size]
                began = time.perf_counter()
                function(batch)
                if number >= 0:
                    took[size].append(1e3 * (time.perf_counter() - began))
    return {size: percentiles(times)["p50_ms"] for size, times in took.items()}


def _sessions(model: Path) -> tf.Tensor:
    """Draws sessions of a model's known items, popular ones more often."""
    (file,) = (model / "assets").iterdir()  # of whatever name it was exported under
    known = np.array(file.read_bytes().splitlines())
    draw = np.random.default_rng(0)
    places = len(known) * draw.random([1_000, SESSION_LENGTH]) ** 3
    return tf.constant(known[places.astype(int)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table and the parameters."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a SavedModel")
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--signature", default="recommend", choices=["recommend", "embed_query"])
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--budget", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--cache", type=Path, default=Path("output/benchmarks"))
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    folder = options.model or learned_model(options.items, options.cache).folder
    model = tf.saved_model.load(str(folder))
    signature = model.signatures[options.signature]
    sessions = _sessions(folder)
    milliseconds = measure(lambda rows: signature(item_ids=rows), sessions, options.rounds)
    print(f"{options.signature} of {folder}, sessions of {SESSION_LENGTH} items, one thread")
    print(f"{'rows':>5}{'ms':>9}{'rows/s':>9}{'to one row':>12}")
    for size, took in milliseconds.items():
        rate = 1e3 * size / took
        print(f"{size:>5}{took:>9.2f}{rate:>9.0f}{rate * milliseconds[1] / 1e3:>12.2f}")
    print(f"\nWithin {options.budget:g} ms on {options.cores} cores:")
    print(parameters(milliseconds, options.cores, options.budget))


if __name__ == "__main__":
    main()
