"""The reference notebook's model and training with its bugs, as a reference of `training.py`.

"Retrieval using a sequential model": two tables of 32 values, a GRU of 32 units, TFRS's in-batch
softmax, Adagrad .1 and batches of 5,000 that are cached. Labels have its shape, [batch, 1], so that
the softmax is over queries and not over candidates; preset `notebook` fixes that and more.
"""

from __future__ import annotations

import time

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
import tensorflow_recommenders as tfrs  # isort: skip
from modules.data.batching import cut_steps  # isort: skip

_DIM = 32
_BATCH = 5_000
_SHUFFLED = 10_000


class NotebookModel(tfrs.Model):
    """Scores the last item of a session against those of its batch."""

    def __init__(self, item_indices: int) -> None:
        """Makes the towers; padding is an index like any other."""
        super().__init__()
        self.query_model = tf.keras.Sequential(
            [tf.keras.layers.Embedding(item_indices, _DIM), tf.keras.layers.GRU(_DIM)]
        )
        self.candidate_model = tf.keras.Sequential([tf.keras.layers.Embedding(item_indices, _DIM)])
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Computes the summed loss of contexts, int `[batch, steps]`, and labels, `[batch, 1]`."""
        context, label = inputs
        queries, candidates = self.query_model(context), self.candidate_model(label)
        return self.task(queries, candidates, compute_metrics=not training)


def targets_per_second(windows: tf.Tensor, item_indices: int) -> float:
    """Trains two epochs and returns how many targets a second the second one took.

    Args:
      windows: the latest items of each session, int `[sessions, steps + 1]`, right-padded.
      item_indices: number of item indices, reserved ones included.
    """
    context, target = cut_steps(windows, "last")
    label = tf.reduce_max(target, axis=1, keepdims=True)  # all others are 0
    batches = tf.data.Dataset.from_tensor_slices((context, label))
    batches = batches.shuffle(_SHUFFLED).batch(_BATCH).cache()
    model = NotebookModel(item_indices)
    model.compile(tf.keras.optimizers.Adagrad(0.1))
    model.fit(batches, verbose=0)
    began = time.perf_counter()
    model.fit(batches, verbose=0)
    return len(context) / (time.perf_counter() - began)
