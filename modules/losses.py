"""Candidates that a training step's softmax runs over: sampled, in-batch, or the whole catalogue.

The softmax itself is `tfrs.tasks.Retrieval`'s: its candidates are the batch's own targets first,
then any further negatives, with a mask saying which of them count for which query.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from modules.configuration import TrainerOptions


class Candidates(NamedTuple):
    """What a training step scores its queries against.

    Attributes:
      item_index: int32 `[targets + negatives]`, the targets first.
      sampling_probability: float32 `[targets + negatives]`, up to a constant factor (the softmax
        does not see it), at most 1; None without logQ correction.
      score_mask: bool `[targets, targets + negatives]`; False where a candidate does not count.
        None when all count.
    """

    item_index: tf.Tensor
    sampling_probability: tf.Tensor | None
    score_mask: tf.Tensor | None


class CandidateSampler:
    """Chooses the candidates of a training step as `TrainerOptions.loss` says."""

    def __init__(self, item_counts: np.ndarray, options: TrainerOptions) -> None:
        """Prepares the sampling distribution.

        Args:
          item_counts: training events by item_index, `[item_indices]`; 0 for the reserved ones
            and for items this fit must not see.
          options: `loss`, `negatives`, `negatives_power` and `logq_correction` are used.

        Raises:
          ValueError: no item has an event.
        """
        self._options = options
        items = np.flatnonzero(item_counts)
        if items.size == 0:
            raise ValueError("no training window holds an item of the catalogue: nothing to learn")
        # In-batch negatives are drawn as items occur, whatever the power of sampled ones.
        power = 1.0 if options.loss == "in_batch" else options.negatives_power
        weights = item_counts[items].astype(np.float64) ** power
        # float64: a million steps of 1e-6 would not be told apart in float32.
        self._cumulative = tf.constant(np.cumsum(weights) / weights.sum())
        self._items = tf.constant(items, tf.int32)
        relative = np.zeros(len(item_counts), np.float32)
        relative[items] = weights / weights.max()
        self._relative_probability = tf.constant(relative)

    def candidates(self, target: tf.Tensor) -> Candidates:
        """Returns the candidates for a batch of targets, int32 `[targets]`."""
        if self._options.loss == "in_batch":
            return Candidates(target, self._probability(target), None)
        if self._options.loss == "full":
            item_index, probability = tf.concat([target, self._items], 0), None
        else:
            item_index = tf.concat([target, self._draw()], 0)
            probability = self._probability(item_index)
        return Candidates(item_index, probability, _own_target_only(target, item_index))

    def _draw(self) -> tf.Tensor:
        uniform = tf.random.uniform([self._options.negatives], dtype=tf.float64)
        return tf.gather(self._items, tf.searchsorted(self._cumulative, uniform, side="right"))

    def _probability(self, item_index: tf.Tensor) -> tf.Tensor | None:
        if not self._options.logq_correction:
            return None
        return tf.gather(self._relative_probability, item_index)


def _own_target_only(target: tf.Tensor, item_index: tf.Tensor) -> tf.Tensor:
    """Masks the other queries' targets: only the own one and the negatives count."""
    targets = tf.size(target)
    negatives = tf.fill([targets, tf.size(item_index) - targets], True)
    return tf.concat([tf.eye(targets, dtype=tf.bool), negatives], axis=1)
