"""The exact index: scores the whole catalogue and finds the best items, in plain TensorFlow ops.

`tf.math.top_k` looks at one score at a time, and takes twice as long as the matrix product as soon
as there are several queries. Here it sees the maxima of blocks of items first, and then only the
blocks that can hold one of the k best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# About the square root of catalogue / k, where both looks of top_k take the same time.
BLOCK = 32

FloatArray = npt.NDArray[np.float32]


class ExactIndex(tf.Module):
    """Candidate vectors as the columns of one matrix, laid out for one pass over the scores.

    Column `row * blocks + block` belongs to position `block * BLOCK + row`, so that the maximum of
    each block is one vectorised max over rows. The product of one query and a single matrix takes
    half as long, in TensorFlow, as that with a batch of matrices, or with rows for items.
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
        columns = _by_column(np.pad(vectors, [(0, self._blocks * BLOCK - self.size), (0, 0)]).T)
        # The last row is added to each score: 0 for items on offer, -inf for withdrawn ones, and
        # for columns without an item. Renewing an index changes that row and nothing else.
        offer = _offer_row(np.ones(self.size, bool), columns.shape[1])
        self._matrix = tf.Variable(np.vstack([columns, offer]), trainable=False)

    def vectors(self) -> tf.Tensor:
        """Returns all vectors in the order of positions, float32 `[catalogue, dim]`."""
        columns = tf.reshape(self._matrix[: self.dim], [self.dim, BLOCK, self._blocks])
        return tf.reshape(tf.transpose(columns, [2, 1, 0]), [-1, self.dim])[: self.size]

    def vectors_at(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of positions, int64 `[n]`, as float32 `[n, dim]`."""
        # Gathered from the value: gathering from the variable itself would switch it, for good, to
        # copying at each read, after which one query of a million items takes ten times as long.
        columns = tf.convert_to_tensor(self._matrix)
        return tf.transpose(tf.gather(columns, self._column(positions), axis=1))[:, : self.dim]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Scores the catalogue.

        Args:
          queries: float32 `[batch, dim]`.

        Returns:
          float32 `[batch, columns]`; `cells` tells where an item's score stands. That of a
          withdrawn item is -inf.
        """
        queries = tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)
        return tf.linalg.matmul(queries, self._matrix)

    def on_offer(self, scores: tf.Tensor) -> tf.Tensor:
        """Puts -inf on withdrawn items, in scores of any origin laid out as `scores` are."""
        return scores + self._matrix[self.dim]

    def offered(self) -> tf.Tensor:
        """Returns which items are on offer, bool `[catalogue]`."""
        row = tf.reshape(self._matrix[self.dim], [BLOCK, self._blocks])
        return tf.reshape(tf.transpose(row), [-1])[: self.size] == 0.0

    def cells(self, positions: tf.Tensor) -> tf.Tensor:
        """Tells where in `scores` the scores of items stand.

        Args:
          positions: int `[batch, any]`, a row for each query.

        Returns:
          Indices of the same type, `[batch, any, 2]`.
        """
        query = tf.range(tf.shape(positions, positions.dtype)[0])[:, None]
        return tf.stack([tf.broadcast_to(query, tf.shape(positions)), self._column(positions)], 2)

    def by_position(self, values: tf.Tensor) -> tf.Tensor:
        """Lays values by position, `[catalogue]`, out like scores: `[1, columns]`."""
        filled = tf.pad(values, [[0, self._blocks * BLOCK - self.size]])
        return tf.reshape(tf.transpose(tf.reshape(filled, [self._blocks, BLOCK])), [1, -1])

    def top(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items; of equal ones, those with the lowest position.

        An item that is not in one of the k blocks with the highest maxima is beaten by k items: one
        in each of them.

        Args:
          scores: float32 `[batch, columns]`, from `scores`, possibly changed in some cells.
          k: how many, at most the catalogue's size.

        Returns:
          scores, float32 `[batch, k]`, best first, and positions, int32 of the same shape. Where
          the score is -inf, there was nothing left to find, and the position means nothing.
        """
        best = self._block_maxima(scores)
        blocks = tf.math.top_k(best, tf.minimum(k, self._blocks), sorted=False).indices
        blocks = tf.sort(blocks, axis=1)
        batch, width = tf.shape(blocks)[0], tf.shape(blocks)[1] * BLOCK
        first = tf.range(batch)[:, None] * (self._blocks * BLOCK) + blocks
        cells = tf.reshape(first[:, :, None] + tf.range(BLOCK) * self._blocks, [batch, width])
        found = tf.gather(tf.reshape(scores, [-1]), cells)
        top_scores, place = tf.math.top_k(found, k)
        block = tf.gather(blocks, place // BLOCK, axis=1, batch_dims=1)
        return top_scores, tf.minimum(block * BLOCK + place % BLOCK, self.size - 1)

    def _block_maxima(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the best score of each block, `[batch, blocks]`."""
        by_row = tf.reshape(scores, [-1, 1, BLOCK, self._blocks])
        # The same as a reduce_max over axis 2, which is not vectorised.
        best = tf.nn.max_pool2d(by_row, [1, BLOCK], [1, BLOCK], "VALID")
        return tf.reshape(best, [-1, self._blocks])

    def _column(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the column of each position, of the same shape."""
        return positions % BLOCK * self._blocks + positions // BLOCK


def with_offer(matrix: FloatArray, offered: npt.NDArray[np.bool_]) -> FloatArray:
    """Returns the value of an index's variable with another offer.

    Args:
      matrix: the variable's value, float32 `[dim + 1, columns]`.
      offered: which items are on offer, bool `[catalogue]`.
    """
    return np.vstack([matrix[:-1], _offer_row(offered, matrix.shape[1])])


def offer_in(matrix: FloatArray, size: int) -> npt.NDArray[np.bool_]:
    """Returns which items are on offer by the value of an index's variable, bool `[catalogue]`."""
    return np.asarray(matrix[-1].reshape(BLOCK, -1).T.reshape(-1)[:size] == 0)


def _offer_row(offered: npt.NDArray[np.bool_], width: int) -> FloatArray:
    """Returns the last row of the matrix, float32 `[1, width]`."""
    is_offered = np.pad(offered, (0, width - len(offered)))
    return _by_column(np.where(is_offered, np.float32(0), np.float32(-np.inf))[None])


def _by_column(by_position: FloatArray) -> FloatArray:
    """Brings the last axis from the order of positions to that of columns."""
    rows, columns = by_position.shape
    blocks = by_position.reshape(rows, -1, BLOCK)
    return blocks.transpose(0, 2, 1).reshape(rows, columns)
