"""The exact index: scores the whole catalogue and finds the best items, in plain TensorFlow ops.

`tf.math.top_k` looks at one score at a time, and takes longer than the matrix product as soon as
there are several queries. Here it sees the maxima of blocks of items first, and then only the
blocks that can hold one of the k best.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# About the square root of catalogue / k, where both looks of top_k take the same time.
BLOCK = 32


class ExactIndex(tf.Module):
    """Candidate vectors, laid out for one product and one pass over the scores.

    Column `row * blocks + block` belongs to position `block * BLOCK + row`, so that the maximum of
    each block is one vectorised max over rows, and products read memory in order. Columns that
    fill the last block up are zero and never answered.
    """

    def __init__(self, candidates: tf.Tensor) -> None:
        """Lays the vectors out.

        Args:
          candidates: float32 `[catalogue, dim]`, in the order that breaks ties.
        """
        super().__init__(name="exact_index")
        vectors = np.asarray(candidates, np.float32)
        self.size, self.dim = vectors.shape
        self._blocks = -(-self.size // BLOCK)
        filled = np.pad(vectors, [(0, self._blocks * BLOCK - self.size), (0, 0)])
        columns = filled.reshape(self._blocks, BLOCK, self.dim).transpose(2, 1, 0)
        self._columns = tf.Variable(columns.reshape(self.dim, -1), trainable=False)

    def vectors(self) -> tf.Tensor:
        """Returns all vectors in the order of positions, float32 `[catalogue, dim]`."""
        columns = tf.reshape(self._columns, [self.dim, BLOCK, self._blocks])
        return tf.reshape(tf.transpose(columns, [2, 1, 0]), [-1, self.dim])[: self.size]

    def vectors_at(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of positions, int64 `[n]`, as float32 `[n, dim]`."""
        return tf.transpose(tf.gather(self._columns, self.column(positions), axis=1))

    def column(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns where the scores of positions stand in what `scores` returns."""
        return positions % BLOCK * self._blocks + positions // BLOCK

    def positions(self) -> tf.Tensor:
        """Returns the position of each column, int64 `[columns]`; from `size` on for filling."""
        columns = tf.range(BLOCK * self._blocks, dtype=tf.int64)
        return columns % self._blocks * BLOCK + columns // self._blocks

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Scores the catalogue.

        Args:
          queries: float32 `[batch, dim]`.

        Returns:
          float32 `[batch, columns]`; see `column`.
        """
        return tf.linalg.matmul(queries, self._columns)

    def top(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items; of equal ones, those with the lowest position.

        An item that is not in one of the k + 1 blocks with the highest maxima is beaten by k
        items: one in each of k blocks, for one of them may owe its maximum to a filling column.

        Args:
          scores: float32 `[batch, columns]`, from `scores`, possibly changed in some places.
          k: how many, at most the catalogue's size.

        Returns:
          scores, float32 `[batch, k]`, best first, and positions, int32 of the same shape. Where
          the score is -inf, there was nothing left to find, and the position means nothing.
        """
        by_row = tf.reshape(scores, [-1, 1, BLOCK, self._blocks])
        # The same as a reduce_max over axis 2, which is not vectorised.
        best = tf.nn.max_pool2d(by_row, [1, BLOCK], [1, BLOCK], "VALID")[:, 0, 0, :]
        chosen = tf.math.top_k(best, tf.minimum(k + 1, self._blocks), sorted=False).indices
        chosen = tf.sort(chosen, axis=1)
        found = tf.gather(by_row[:, 0], chosen, axis=2, batch_dims=1)
        positions = chosen[:, :, None] * BLOCK + tf.range(BLOCK)
        width = tf.shape(chosen)[1] * BLOCK
        positions = tf.reshape(positions, [-1, width])
        found = tf.reshape(tf.transpose(found, [0, 2, 1]), [-1, width])
        found = tf.where(positions < self.size, found, -float("inf"))
        top_scores, place = tf.math.top_k(found, k)
        positions = tf.gather(positions, place, axis=1, batch_dims=1)
        return top_scores, tf.minimum(positions, self.size - 1)
