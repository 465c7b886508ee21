"""Workers that train one model in step: who takes part, and what one of them does for all.

TensorFlow's environment variable `TF_CONFIG` names the workers and this process's place among them,
as Kubeflow's training operator and Vertex set it. All workers run the same code on the same files;
the chief alone writes what outlives the training.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@functools.cache
def strategy() -> tf.distribute.Strategy:
    """Returns how this process trains, the same object every time.

    That is a multi-worker strategy if `TF_CONFIG` names several workers, a mirrored one for several
    GPUs, else TensorFlow's default.

    Raises:
      RuntimeError: there are several workers, and the process has used TensorFlow before, which
        connects workers only at its start.
    """
    if count() > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def count() -> int:
    """Returns the number of workers, the chief included."""
    cluster = _config().get("cluster", {})
    return max(1, len(cluster.get("chief", [])) + len(cluster.get("worker", [])))


def is_chief() -> bool:
    """Returns whether this process is the chief, as a single one is."""
    config = _config()
    task = config.get("task", {})
    if config.get("cluster", {}).get("chief"):
        return bool(task.get("type") == "chief")
    return int(task.get("index", 0)) == 0


def of_chief(values: Sequence[float]) -> list[float]:
    """Returns the chief's values in every worker, once all of them are here.

    Args:
      values: numbers, ignored in all workers but the chief; equally many everywhere.
    """
    if count() == 1:
        return list(values)

    @tf.function
    def summed(own: tf.Tensor) -> tf.Tensor:
        replica = tf.distribute.get_replica_context()
        # The chief's first replica is the first of all.
        own = tf.where(replica.replica_id_in_sync_group == 0, own, tf.zeros_like(own))
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, own)

    own = tf.constant(values, tf.float64)
    everywhere = strategy().run(summed, args=(own,))
    return [float(value) for value in strategy().experimental_local_results(everywhere)[0]]


def wait_for_all() -> None:
    """Returns once every worker is here."""
    of_chief([0.0])


def _config() -> dict[str, dict[str, Any]]:
    config: dict[str, dict[str, Any]] = json.loads(os.environ.get("TF_CONFIG") or "{}")
    return config
