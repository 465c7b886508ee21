"""The GRU two-tower model: a query vector for every step of a session, a vector for every item."""

from __future__ import annotations

import math
from collections.abc import Iterator

import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.configuration import ModelOptions, TrainerOptions
from modules.losses import RetrievalLoss
from modules.ranking import conservative_rank
from modules.seen_items import JudgedSteps
from modules.vocabulary import FIRST_ITEM, PADDING

RECALL = "recall@20"
MRR = "mrr@20"
_SCORES_PER_BLOCK = 8_000_000


class CandidateTower(tf.keras.layers.Layer):
    """Gives every item its vector."""

    def __init__(
        self, item_indices: int, options: ModelOptions, precision: str = "float32"
    ) -> None:
        """Makes the item table.

        Args:
          item_indices: number of item indices, reserved ones included.
          options: `embedding_dim` and `normalize` are used.
          precision: Keras mixed precision policy of the table.
        """
        super().__init__(name="candidate_tower")
        self._normalize = options.normalize
        self.item_indices = item_indices
        self.embedding = tf.keras.layers.Embedding(
            item_indices, options.embedding_dim, dtype=precision
        )

    def call(self, item_index: tf.Tensor) -> tf.Tensor:
        """Maps item indices of any shape to vectors, float32 `[..., embedding_dim]`."""
        # Mixed precision ends here: scores of a large catalogue tie in 16 bits.
        vectors = tf.cast(self.embedding(item_index), tf.float32)
        return tf.math.l2_normalize(vectors, axis=-1) if self._normalize else vectors

    def catalogue(self) -> tf.Tensor:
        """Returns the vectors of all items in item_index order, `[catalogue, embedding_dim]`."""
        return self(tf.range(FIRST_ITEM, self.item_indices))


class QueryTower(tf.keras.layers.Layer):
    """Reads a session and gives a query vector at every step.

    The GRU's state after each item, plus a learned weight for each of the latest lags times that
    item's candidate vector (the copy term: which items come next is mostly a matter of which were
    just seen). Contexts are right-padded and every step sees only items up to its own, so padding
    needs no mask, and the GRU runs in one cuDNN kernel on a GPU.
    """

    def __init__(
        self, candidate_tower: CandidateTower, options: ModelOptions, precision: str = "float32"
    ) -> None:
        """Makes the layers.

        Args:
          candidate_tower: shares its item table and gives the copy term's vectors.
          options: shape of the tower.
          precision: Keras mixed precision policy of the layers; the tower itself is float32.
        """
        super().__init__(name="query_tower")
        self._options = options
        self._candidate_tower = candidate_tower
        dim = options.embedding_dim
        self.embedding = (
            candidate_tower.embedding
            if options.shared_embedding
            else tf.keras.layers.Embedding(candidate_tower.item_indices, dim, dtype=precision)
        )
        self.embedding_dropout = tf.keras.layers.Dropout(options.embedding_dropout, dtype=precision)
        self.output_dropout = tf.keras.layers.Dropout(options.output_dropout, dtype=precision)
        self.gru = tf.keras.layers.GRU(options.gru_units, return_sequences=True, dtype=precision)
        self.projection = (
            None if options.gru_units == dim else tf.keras.layers.Dense(dim, dtype=precision)
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the copy weights and the temperature."""
        if self._options.copy_lags:
            self.copy_weights = self.add_weight(
                name="copy_weights",
                shape=[self._options.copy_lags],
                dtype=tf.float32,
                initializer=tf.keras.initializers.Constant(1.0 / self._options.copy_lags),
            )
        if self._options.normalize:
            self.log_temperature = self.add_weight(
                name="log_temperature",
                shape=[],
                dtype=tf.float32,
                initializer=tf.keras.initializers.Constant(math.log(self._options.temperature)),
            )
        super().build(input_shape)

    def call(self, context: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps contexts to query vectors.

        Args:
          context: item indices, int `[batch, steps]`, right-padded with 0.
          training: switches dropout on.

        Returns:
          float32 `[batch, steps, embedding_dim]`. A candidate's score is its dot product with the
          query; the temperature is already in the query.
        """
        embedded = self.embedding_dropout(self.embedding(context), training=training)
        states = self.gru(embedded)
        if self.projection is not None:
            states = self.projection(states)
        query = tf.cast(self.output_dropout(states, training=training), tf.float32)
        if self._options.copy_lags:
            query += self._copy_term(context)
        if self._options.normalize:
            query = tf.math.l2_normalize(query, axis=-1) * tf.exp(-self.log_temperature)
        return query

    def _copy_term(self, context: tf.Tensor) -> tf.Tensor:
        """Sums the latest items' vectors by learned lag weights, `[batch, steps, dim]`."""
        steps = tf.range(tf.shape(context)[1])
        lag = steps[:, None] - steps[None, :]
        in_reach = (lag >= 0) & (lag < self._options.copy_lags)
        weights = tf.gather(self.copy_weights, tf.where(in_reach, lag, 0))
        weights = tf.where(in_reach, weights, 0.0)
        vectors = self._candidate_tower(context)
        vectors *= tf.cast(context != PADDING, tf.float32)[:, :, None]
        return tf.einsum("ji,bid->bjd", weights, vectors)


class TwoTower(tfrs.Model):
    """Trains both towers with TFRS's retrieval task and judges them on the whole catalogue."""

    def __init__(
        self,
        item_counts: tf.Tensor,
        model_options: ModelOptions,
        trainer_options: TrainerOptions,
    ) -> None:
        """Makes the towers and the task.

        Args:
          item_counts: training events by item_index, int64 `[item_indices]`; items with none take
            no part, neither as negatives nor as candidates of `evaluate`.
          model_options: shape of the towers.
          trainer_options: the loss, and the precision of the towers' layers. It is not Keras's
            global policy, since TFRS's Retrieval fails under mixed ones and other nodes share the
            process.
        """
        super().__init__()
        precision = trainer_options.precision
        self.candidate_tower = CandidateTower(int(item_counts.shape[0]), model_options, precision)
        self.query_tower = QueryTower(self.candidate_tower, model_options, precision)
        self.task = RetrievalLoss(item_counts.numpy(), trainer_options)
        self._takes_part = tf.constant(item_counts[FIRST_ITEM:] > 0)
        self.mean_loss = tf.keras.metrics.Mean("mean_loss")
        self.targets = tf.keras.metrics.Sum("targets")
        self.recall = tf.keras.metrics.Mean(RECALL)
        self.mrr = tf.keras.metrics.Mean(MRR)

    def compute_loss(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Computes the softmax loss over all targets of a batch.

        Args:
          inputs: context and target, int32 `[batch, steps]`; steps with target 0 do not count.
          training: switches dropout on.

        Returns:
          Scalar loss, in nats.
        """
        queries, target = self._queries_and_targets(inputs, training)
        loss = self.task(queries, target, self.candidate_tower)
        self.targets.update_state(tf.size(target))
        # The mean over replicas of their shares of the loss is too small by their number.
        self.mean_loss.update_state(loss * tf.distribute.get_strategy().num_replicas_in_sync)
        return loss

    def train_step(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Takes one step of the optimizer.

        Unlike TFRS's own step this one scales the loss where the optimizer asks for it (float16
        gradients would vanish), and reports no metric that only `evaluate` updates.
        """
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        step = self.optimizer.compute_gradients(loss, self.trainable_variables, tape)
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            # Those of tables are sparse, of another length in each replica: not to be gathered.
            step = [(tf.convert_to_tensor(gradient), variable) for gradient, variable in step]
        self.optimizer.apply_gradients(step)
        return {metric.name: metric.result() for metric in (self.mean_loss, self.targets)}

    def test_step(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds a batch to Recall@20 and MRR@20 over the full catalogue, all its targets."""
        queries, target = self._queries_and_targets(inputs, training=False)
        rank = conservative_rank(
            queries, self.candidate_tower.catalogue(), target - FIRST_ITEM, self._takes_part
        )
        hit = tf.cast(rank <= 20, tf.float32)
        self.recall.update_state(hit)
        self.mrr.update_state(hit / tf.cast(rank, tf.float32))
        return {metric.name: metric.result() for metric in (self.recall, self.mrr)}

    def judged_steps(self, batches: tf.data.Dataset) -> Iterator[JudgedSteps]:
        """Scores the whole catalogue at every step that has a target.

        Args:
          batches: dataset of (context, target), int32 `[batch, steps]`.

        Yields:
          Blocks of steps; candidates that take no part score -inf.
        """
        candidates = self.candidate_tower.catalogue()
        for context, target in batches:
            queries, targets = self._queries_and_targets((context, target), training=False)
            place = tf.where(target != PADDING)
            is_seen = tf.range(tf.shape(context)[1], dtype=tf.int64) <= place[:, 1:]
            contexts = tf.where(is_seen, tf.gather(context, place[:, 0]), PADDING)
            block = max(1, _SCORES_PER_BLOCK // candidates.shape[0])
            for start in range(0, len(targets), block):
                rows = slice(start, start + block)
                scores = tf.linalg.matmul(queries[rows], candidates, transpose_b=True)
                scores = tf.where(self._takes_part, scores, -float("inf"))
                yield JudgedSteps(scores.numpy(), contexts[rows].numpy(), targets[rows].numpy())

    def _queries_and_targets(
        self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        context, target = inputs
        tf.debugging.assert_shapes(
            [(context, ("batch", "steps")), (target, ("batch", "steps"))],
            message="target must have context's shape, [batch, steps]",
        )
        steps = tf.where(target != PADDING)
        queries = tf.gather_nd(self.query_tower(context, training=training), steps)
        return queries, tf.gather_nd(target, steps)
