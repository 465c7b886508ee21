"""Softmax losses over the whole catalogue, over sampled negatives, or over the batch's targets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.config.options.trainer import TrainerOptions

CandidateVectors = Callable[[tf.Tensor], tf.Tensor]


class RetrievalLoss(tf.keras.layers.Layer, tfrs.tasks.Task):
    """The loss of a batch of queries and targets by `TrainerOptions.loss`.

    In-batch softmax is `tfrs.tasks.Retrieval`. Sampled and full softmax are implemented here: with
    Retrieval (candidates = targets and negatives, with a score mask) the same values take many more
    passes over `[targets, negatives]`, about twice the CPU time of a training step of 512 targets
    and 2,048 negatives.
    """

    def __init__(self, item_counts: npt.NDArray[np.int64], options: TrainerOptions) -> None:
        """Prepares the sampling distribution.

        Args:
          item_counts: training events by item_index, `[item_indices]`; 0 for the reserved ones
            and for items that the model must not know.
          options: `loss`, `reduction` and the options of negatives are used.

        Raises:
          ValueError: no item has an event.
        """
        super().__init__(name="retrieval_loss")
        self._options = options
        items = np.flatnonzero(item_counts)
        if items.size == 0:
            raise ValueError(
                "no training window holds an item of the catalogue: nothing to train on"
            )
        # In-batch negatives occur as often as their items, whatever the power of sampled ones.
        power = 1.0 if options.loss == "in_batch" else options.negatives_power
        weights = item_counts[items].astype(np.float64) ** power
        self._items = tf.constant(items, tf.int32)
        # float64, since float32 cannot distinguish a million steps of 1e-6. The last one must be 1
        # to the bit (a sum in another order is not), or a draw above it would not be an item.
        cumulative = np.cumsum(weights)
        self._cumulative = tf.constant(cumulative / cumulative[-1])
        # Up to a constant factor, which cancels in the softmax, and at most 1, since TFRS clips
        # probabilities of in-batch negatives at 1e-6.
        relative = np.zeros(len(item_counts), np.float32)
        relative[items] = weights / weights.max()
        self._relative_probability = tf.constant(relative)
        # Keras does not average under a tf.distribute strategy: `_reduced` does.
        no_reduction = tf.keras.losses.Reduction.NONE
        self._softmax_loss = tf.keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=no_reduction
        )
        if options.loss == "in_batch":
            self._in_batch = _in_batch_loss()(
                loss=tf.keras.losses.CategoricalCrossentropy(
                    from_logits=True, reduction=no_reduction
                ),
                remove_accidental_hits=options.remove_accidental_hits,
            )

    def call(
        self,
        queries: Sequence[tf.Tensor],
        target: Sequence[tf.Tensor],
        candidate_vectors: Sequence[CandidateVectors],
        weights: Sequence[tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Computes the loss.

        Args:
          queries: queries of each member, float32 `[its targets, dim]`.
          target: item indices of each member, int32 `[its targets]`.
          candidate_vectors: map of each member from item indices `[n]` to vectors, float32
            `[n, dim]`.
          weights: weight of each member's targets, float32 `[its targets]`; None for equal ones.
            Their scale has no effect: in the sum, the weights of a batch have the mean 1. They
            weigh losses of targets alone: negatives are the same as without.

        Returns:
          Scalar, in nats: (weighted) mean or sum over all members' targets. Each of several
          replicas returns its share of the global batch's loss.
        """
        losses = {
            "in_batch": self._in_batch_sum,
            "full": self._full_sum,
            "sampled": self._sampled_sum,
        }[self._options.loss]
        of_members = []
        for query, own_target, vectors, factors in zip(
            queries, target, candidate_vectors, self._factors(target, weights), strict=True
        ):
            # The reference notebook fed [B, 1, d] here and trained on a transposed softmax.
            tf.debugging.assert_shapes([(query, ("T", "D")), (own_target, ("T",))])
            of_members.append(losses(query, own_target, vectors, factors))
        return tf.add_n(of_members)

    def _in_batch_sum(
        self,
        queries: tf.Tensor,
        target: tf.Tensor,
        candidate_vectors: CandidateVectors,
        factors: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the sum of a member's losses, each times the factor of its target, a scalar."""
        losses = self._in_batch(
            queries,
            candidate_vectors(target),
            candidate_ids=target,
            candidate_sampling_probability=self._probability(target),
            compute_metrics=False,
        )
        return tf.reduce_sum(losses * factors)

    def _full_sum(
        self,
        queries: tf.Tensor,
        target: tf.Tensor,
        candidate_vectors: CandidateVectors,
        factors: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the same by the softmax over all items."""
        scores = tf.linalg.matmul(queries, candidate_vectors(self._items), transpose_b=True)
        losses = self._softmax_loss(tf.searchsorted(self._items, target), scores)
        return tf.reduce_sum(losses * factors)

    def _sampled_sum(
        self,
        queries: tf.Tensor,
        target: tf.Tensor,
        candidate_vectors: CandidateVectors,
        factors: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the same by the softmax over each target and negatives that all targets share."""
        uniform = tf.random.uniform([self._options.num_negatives], dtype=tf.float64)
        negatives = tf.gather(self._items, tf.searchsorted(self._cumulative, uniform, side="right"))
        vectors = candidate_vectors(tf.concat([target, negatives], 0))
        positive, negative = tf.split(vectors, [tf.size(target), self._options.num_negatives])
        biases = tf.zeros([tf.size(target)]), tf.zeros([self._options.num_negatives])
        if self._options.logq_correction:
            biases = tuple(-tf.math.log(self._probability(part)) for part in (target, negatives))
        hits = None
        if self._options.remove_accidental_hits:
            hits = tf.where(tf.equal(target[:, None], negatives[None]))
        return _sampled_loss((queries, positive, negative), biases, hits, factors)

    def _factors(
        self, target: Sequence[tf.Tensor], weights: Sequence[tf.Tensor] | None
    ) -> list[tf.Tensor]:
        """Returns the factors of targets' losses in their sum, of each member `[its targets]`."""
        sizes = [tf.size(own) for own in target]
        targets, is_sum = tf.cast(tf.add_n(sizes), tf.float32), self._options.reduction == "sum"
        if weights is None:
            one = 1.0 if is_sum else tf.math.divide_no_nan(1.0, _over_replicas(targets))
            return [tf.fill([size], one) for size in sizes]
        total = tf.add_n([tf.reduce_sum(own) for own in weights])
        one = tf.math.divide_no_nan(1.0, _over_replicas(total))
        if is_sum:
            one *= _over_replicas(targets)
        return [one * tf.cast(own, tf.float32) for own in weights]

    def _probability(self, item_index: tf.Tensor) -> tf.Tensor | None:
        if not self._options.logq_correction:
            return None
        return tf.gather(self._relative_probability, item_index)


@functools.cache
def _in_batch_loss() -> Any:
    """Returns the class of TFRS's loss with a call that a step without AutoGraph can trace.

    It has `len(tf.shape(...))`. Other losses do without: to convert it takes a second.
    """

    class InBatchLoss(tfrs.tasks.Retrieval):
        call = tf.autograph.to_graph(tfrs.tasks.Retrieval.call)

    return InBatchLoss


def _over_replicas(amount: tf.Tensor) -> tf.Tensor:
    """Returns the sum over all replicas.

    They get equally many windows, not targets: a mean of their means would differ.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return amount
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, amount)


def _sampled_loss(
    vectors: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    biases: tuple[tf.Tensor, tf.Tensor],
    hits: tf.Tensor | None,
    factors: tf.Tensor,
) -> tf.Tensor:
    """Returns a sum of negative log probabilities of targets, among each one and the negatives.

    The gradient is written out: Keras's loss passes over `[targets, negatives]` twice as often,
    which takes most of a training step's time. It is that of products which add up to 0: of
    `tf.custom_gradient` TensorFlow keeps all that it refers to in a graph, and so the weights of
    the model and of its optimizer, as long as the process lives.

    Args:
      vectors: queries, float32 `[targets, dim]`, and candidate vectors of the target of each,
        `[targets, dim]`, and of the negatives, `[negatives, dim]`.
      biases: added to the score of each target, `[targets]`, and of each negative, `[negatives]`.
      hits: cells of negatives that equal a row's target, to mask, int64 `[n, 2]`; None for none.
      factors: factor of each target in the sum, float32 `[targets]`.
    """
    queries, positive, negative = map(tf.stop_gradient, vectors)
    positive_bias, negative_bias = biases
    score = tf.reduce_sum(queries * positive, axis=1) + positive_bias
    scores = tf.linalg.matmul(queries, negative, transpose_b=True)
    scores = tf.nn.bias_add(scores, negative_bias)
    if hits is not None:
        lowest = tf.fill([tf.shape(hits)[0]], scores.dtype.min)
        scores = tf.tensor_scatter_nd_update(scores, hits, lowest)
    top = tf.maximum(tf.reduce_max(scores, axis=1), score)
    weights = tf.exp(scores - top[:, None])
    own_weight = tf.exp(score - top)
    total = tf.reduce_sum(weights, axis=1) + own_weight
    loss = tf.reduce_sum(factors * (tf.math.log(total) + top - score))

    share = (factors / total)[:, None]
    own = own_weight[:, None] * share - factors[:, None]
    of_queries = tf.linalg.matmul(weights, negative) * share + own * positive
    of_negative = tf.linalg.matmul(weights, queries * share, transpose_a=True)
    gradients = (of_queries, own * queries, of_negative)
    products = [tf.reduce_sum(v * g) for v, g in zip(vectors, gradients, strict=True)]
    return loss + tf.add_n([product - tf.stop_gradient(product) for product in products])
