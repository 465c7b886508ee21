"""The two towers: a query vector for every step of a session, a vector for every item."""

from __future__ import annotations

import math

import tensorflow as tf

from modules.config.options.model import ModelOptions
from modules.data.item_indices import FIRST_ITEM, PADDING
from modules.model.item_embedding import ItemEmbedding

# The last value of every query: as large as the norm of the rest at the initial temperature, so
# that this dimension does not dominate the others in an approximate index.
POPULARITY_QUERY = 10.0


class CandidateTower(tf.keras.layers.Layer):
    """Maps items to vectors: those of all members in a row, then what popularity adds.

    That is the logarithm of an item's events times a weight, which is selected after training and 0
    before. Vectors of length one cannot distinguish a popular item from a rare one close by.
    """

    def __init__(self, table: ItemEmbedding, item_counts: tf.Tensor, options: ModelOptions) -> None:
        """Makes the tower.

        Args:
          table: embedding table of the items.
          item_counts: training events by item_index, int64 `[item_indices]`.
          options: `normalize` is used.
        """
        super().__init__(name="candidate_tower")
        self._normalize = options.normalize
        self.table = table
        self.log_counts = tf.math.log(tf.cast(tf.maximum(item_counts, 1), tf.float32))
        self.popularity_weight = self.add_weight(
            name="popularity_weight", shape=[], initializer="zeros", trainable=False
        )

    def call(self, item_index: tf.Tensor) -> tf.Tensor:
        """Maps item indices of any shape to float32 `[..., members * embedding_dim + 1]`."""
        added = self.popularity_weight * tf.gather(self.log_counts, item_index)[..., None]
        vectors = joined(self.from_table(self.table(item_index)))
        return tf.concat([vectors, added / POPULARITY_QUERY], axis=-1)

    def of_member(self, item_index: tf.Tensor, member: int) -> tf.Tensor:
        """Maps item indices of any shape to a member's vectors, float32 `[..., embedding_dim]`."""
        return self.from_table(self.table.of_member(item_index, member))

    def from_table(self, vectors: tf.Tensor) -> tf.Tensor:
        """Maps members' vectors of the table to candidate vectors, float32 of the same shape."""
        # Not in mixed precision: scores of a large catalogue would tie in 16 bits.
        vectors = tf.cast(vectors, tf.float32)
        return tf.math.l2_normalize(vectors, axis=-1) if self._normalize else vectors

    def catalogue(self) -> tf.Tensor:
        """Returns the vectors of all items in item_index order, `[catalogue, dim]`."""
        blocks = [self(indices) for indices in self.table.blocks(FIRST_ITEM)]
        return tf.concat(blocks, axis=0)


class QueryMember(tf.keras.layers.Layer):
    """One member's query vector at every step of a session.

    The GRU's state after each item, plus the candidate vectors of the latest items by a learned
    weight per lag (the copy term: the next items mostly depend on those just seen). Contexts are
    right-padded and every step sees only items up to its own, so padding needs no mask, and the GRU
    runs in one cuDNN kernel on a GPU.
    """

    def __init__(self, options: ModelOptions, precision: str, name: str) -> None:
        """Makes the layers.

        Args:
          options: shape of the member.
          precision: Keras mixed precision policy of the layers; the sum of both terms is float32.
          name: name of the layer.
        """
        super().__init__(name=name)
        self._options = options
        dim, units = options.embedding_dim, options.gru_units
        self.embedding_dropout = tf.keras.layers.Dropout(options.embedding_dropout, dtype=precision)
        self.output_dropout = tf.keras.layers.Dropout(options.output_dropout, dtype=precision)
        self.gru = None
        if units:
            self.gru = tf.keras.layers.GRU(units, return_sequences=True, dtype=precision)
        self.projection = None if units in (0, dim) else tf.keras.layers.Dense(dim, dtype=precision)

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

    def call(self, vectors: tf.Tensor, candidates: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps the vectors of a context to query vectors.

        Args:
          vectors: the member's vectors of the context items, `[batch, steps, embedding_dim]`.
          candidates: the same items' candidate vectors, 0 at padding, float32 of the same shape.
          training: switches dropout on.

        Returns:
          float32 `[batch, steps, embedding_dim]`, divided by the temperature.
        """
        parts = []
        if self.gru is not None:
            states = self.gru(self.embedding_dropout(vectors, training=training))
            if self.projection is not None:
                states = self.projection(states)
            parts.append(tf.cast(self.output_dropout(states, training=training), tf.float32))
        if self._options.copy_lags:
            parts.append(self._copy_term(candidates))
        query = tf.add_n(parts)
        if self._options.normalize:
            query = tf.math.l2_normalize(query, axis=-1) * tf.exp(-self.log_temperature)
        return query

    def _copy_term(self, candidates: tf.Tensor) -> tf.Tensor:
        """Returns the sums of the latest items' vectors by lag weight, `[batch, steps, dim]`."""
        weights = lag_matrix(self.copy_weights, tf.shape(candidates)[1])
        return tf.einsum("ji,bid->bjd", weights, candidates)


class QueryTower(tf.keras.layers.Layer):
    """Maps sessions to a query vector at every step: those of all members in a row.

    Members differ in their initial weights and in the order of their training sessions. A
    candidate's score is the mean of the members' scores, which ranks better than one member of the
    same length, plus what popularity adds.
    """

    def __init__(
        self,
        table: ItemEmbedding,
        candidate_tower: CandidateTower,
        options: ModelOptions,
        precision: str = "float32",
    ) -> None:
        """Makes the members.

        Args:
          table: embedding table of the context items; the candidate tower's or another.
          candidate_tower: candidate tower, for the vectors of the copy terms.
          options: shape of the tower.
          precision: Keras mixed precision policy of the layers; the tower itself is float32.
        """
        super().__init__(name="query_tower")
        self.options = options
        self.candidate_tower = candidate_tower
        self.table = table
        self.members = [
            QueryMember(options, precision, f"member_{number}")
            for number in range(options.ensemble_size)
        ]

    @property
    def temperature(self) -> float | None:
        """Mean of the members' learned temperatures; None without any."""
        if not self.options.normalize:
            return None
        temperatures = [float(tf.exp(member.log_temperature)) for member in self.members]
        return sum(temperatures) / len(temperatures)

    def call(self, context: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps contexts to query vectors.

        Args:
          context: item indices, int `[batch, steps]`, right-padded with 0.
          training: switches dropout on.

        Returns:
          float32 `[batch, steps, dim]`; its dot product with a candidate vector is the score.
        """
        numbers = range(len(self.members))
        queries = joined(tf.stack([self.of_member(context, n, training) for n in numbers], axis=2))
        return with_popularity(queries)

    def of_member(self, context: tf.Tensor, member: int, training: bool = False) -> tf.Tensor:
        """Maps contexts to a member's query vectors, float32 `[batch, steps, embedding_dim]`."""
        vectors = self.table.of_member(context, member)
        of_candidates = vectors
        if self.table is not self.candidate_tower.table:
            of_candidates = self.candidate_tower.table.of_member(context, member)
        candidates = self.candidate_tower.from_table(of_candidates)
        candidates *= tf.cast(context != PADDING, tf.float32)[:, :, None]
        return self.members[member](vectors, candidates, training=training)


def with_popularity(queries: tf.Tensor) -> tf.Tensor:
    """Appends the factor of popularity to query vectors `[..., dim]`."""
    before = [[0, 0]] * (len(queries.shape) - 1)
    return tf.pad(queries, [*before, [0, 1]], constant_values=POPULARITY_QUERY)


def lag_matrix(copy_weights: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Returns the weight at each step of itself and earlier ones, float32 `[..., steps, steps]`.

    Args:
      copy_weights: weight by lag, `[..., lags]`.
      steps: number of steps, int scalar.
    """
    step = tf.range(steps)
    lag = step[:, None] - step[None, :]
    lags = copy_weights.shape[-1]
    in_reach = (lag >= 0) & (lag < lags)
    weights = tf.gather(copy_weights, tf.where(in_reach, lag, 0), axis=-1)
    return tf.where(in_reach, weights, 0.0)


def joined(parts: tf.Tensor) -> tf.Tensor:
    """Concatenates members' vectors so that their dot product is the mean of the members'."""
    *before, members, dim = parts.shape
    shape = [-1, members * dim]  # in fewer ops, for one axis before
    if len(before) != 1:
        shape = tf.concat([tf.shape(parts)[:-2], [members * dim]], axis=0)
    vectors = tf.reshape(parts, shape) / math.sqrt(members)
    vectors.set_shape([*before, members * dim])
    return vectors
