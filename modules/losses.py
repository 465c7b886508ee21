"""Softmax losses over the whole catalogue, over sampled negatives, or over the batch's targets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.configuration import TrainerOptions

CandidateVectors = Callable[[tf.Tensor], tf.Tensor]


class RetrievalLoss(tf.keras.layers.Layer, tfrs.tasks.Task):
    """Loss of a batch of queries and targets, as `TrainerOptions.loss` says.

    In-batch softmax is `tfrs.tasks.Retrieval`. Sampled and full softmax have code of their own:
    the same numbers by Retrieval (candidates = targets and negatives, with a score mask) need many
    more passes over `[targets, negatives]` and made a training step of 512 targets and 2,048
    negatives take about twice the CPU time.
    """

    def __init__(self, item_counts: npt.NDArray[np.int64], options: TrainerOptions) -> None:
        """Prepares the sampling distribution.

        Args:
          item_counts: training events by item_index, `[item_indices]`; 0 for the reserved ones
            and for items this fit must not see.
          options: `loss`, `reduction` and what belongs to negatives are used.

        Raises:
          ValueError: no item has an event.
        """
        super().__init__(name="retrieval_loss")
        self._options = options
        items = np.flatnonzero(item_counts)
        if items.size == 0:
            raise ValueError("no training window holds an item of the catalogue: nothing to learn")
        # In-batch negatives are drawn as items occur, whatever the power of sampled ones.
        power = 1.0 if options.loss == "in_batch" else options.negatives_power
        weights = item_counts[items].astype(np.float64) ** power
        self._items = tf.constant(items, tf.int32)
        # float64: a million steps of 1e-6 would not be told apart in float32. The last one must be
        # 1 to the bit (a sum in another order is not), or a draw above it would be no item.
        cumulative = np.cumsum(weights)
        self._cumulative = tf.constant(cumulative / cumulative[-1])
        # Up to a constant factor, which the softmax does not see, and at most 1, since TFRS clips
        # probabilities at 1e-6.
        relative = np.zeros(len(item_counts), np.float32)
        relative[items] = weights / weights.max()
        self._relative_probability = tf.constant(relative)
        # Keras refuses to average under a tf.distribute strategy: `_reduced` does it.
        no_reduction = tf.keras.losses.Reduction.NONE
        self._softmax_loss = tf.keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=no_reduction
        )
        self._in_batch = tfrs.tasks.Retrieval(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=no_reduction),
            remove_accidental_hits=options.remove_accidental_hits,
        )

    def call(
        self, queries: tf.Tensor, target: tf.Tensor, candidate_vectors: CandidateVectors
    ) -> tf.Tensor:
        """Computes the loss.

        Args:
          queries: float32 `[targets, dim]`.
          target: item indices, int32 `[targets]`.
          candidate_vectors: maps item indices `[n]` to vectors, float32 `[n, dim]`.

        Returns:
          Scalar, in nats; mean or sum over the targets. Of several replicas each returns its share:
          the sum of them is the loss of the global batch.
        """
        # The reference notebook fed [B, 1, d] here and trained on a transposed softmax.
        tf.debugging.assert_shapes([(queries, ("T", "D")), (target, ("T",))])
        return self._reduced(self._loss_of_targets(queries, target, candidate_vectors))

    def _loss_of_targets(
        self, queries: tf.Tensor, target: tf.Tensor, candidate_vectors: CandidateVectors
    ) -> tf.Tensor:
        """Returns the loss of each target, `[targets]`."""
        if self._options.loss == "in_batch":
            return self._in_batch(
                queries,
                candidate_vectors(target),
                candidate_ids=target,
                candidate_sampling_probability=self._probability(target),
                compute_metrics=False,
            )
        if self._options.loss == "full":
            logits = tf.linalg.matmul(queries, candidate_vectors(self._items), transpose_b=True)
            return self._softmax_loss(tf.searchsorted(self._items, target), logits)
        return self._sampled(queries, target, candidate_vectors)

    def _sampled(
        self, queries: tf.Tensor, target: tf.Tensor, candidate_vectors: CandidateVectors
    ) -> tf.Tensor:
        """Computes the softmax over each target and negatives that the batch shares."""
        uniform = tf.random.uniform([self._options.negatives], dtype=tf.float64)
        negatives = tf.gather(self._items, tf.searchsorted(self._cumulative, uniform, side="right"))
        vectors = candidate_vectors(tf.concat([target, negatives], 0))
        positive_vectors, negative_vectors = tf.split(
            vectors, [tf.size(target), self._options.negatives]
        )
        of_target = tf.reduce_sum(queries * positive_vectors, axis=1)
        # Column 0 is put in below, so that [targets, negatives] is never copied for it alone.
        logits = tf.linalg.matmul(
            queries, tf.pad(negative_vectors, [[1, 0], [0, 0]]), transpose_b=True
        )
        if self._options.logq_correction:
            of_target -= tf.math.log(self._probability(target))
            correction = -tf.math.log(self._probability(negatives))
            logits = tf.nn.bias_add(logits, tf.pad(correction, [[1, 0]]))
        rows = tf.range(tf.size(target))
        places = tf.stack([rows, tf.zeros_like(rows)], axis=1)
        values = of_target
        if self._options.remove_accidental_hits:
            hits = tf.where(tf.equal(target[:, None], negatives[None]))
            behind_target = tf.constant([[0, 1]])
            places = tf.concat([places, tf.cast(hits, tf.int32) + behind_target], axis=0)
            values = tf.concat([values, tf.fill([tf.shape(hits)[0]], values.dtype.min)], axis=0)
        logits = tf.tensor_scatter_nd_update(logits, places, values)
        return self._softmax_loss(tf.zeros_like(target), logits)

    def _reduced(self, loss_of_targets: tf.Tensor) -> tf.Tensor:
        total = tf.reduce_sum(loss_of_targets)
        if self._options.reduction == "sum":
            return total
        targets = tf.cast(tf.size(loss_of_targets), total.dtype)
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            # Replicas get equally many windows, not targets: a mean of means would be another loss.
            replica = tf.distribute.get_replica_context()
            targets = replica.all_reduce(tf.distribute.ReduceOp.SUM, targets)
        return tf.math.divide_no_nan(total, targets)

    def _probability(self, item_index: tf.Tensor) -> tf.Tensor | None:
        if not self._options.logq_correction:
            return None
        return tf.gather(self._relative_probability, item_index)
