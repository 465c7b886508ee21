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
# Items of a slab. A product with 32 queries is 1.6 times faster in slabs than in one piece.
SLAB = 9_216

FloatArray = npt.NDArray[np.float32]


class ExactIndex(tf.Module):
    """Candidate vectors, laid out for fast products and one pass over the scores.

    Slabs hold consecutive positions. Inside a slab, column `row * blocks + block` belongs to its
    position `block * BLOCK + row`, so that the maximum of each block is one vectorised max over
    rows. Vectors that fill the last slab up are zero and never answered.
    """

    def __init__(self, candidates: tf.Tensor) -> None:
        """Lays the vectors out.

        Args:
          candidates: float32 `[catalogue, dim]`, in the order that breaks ties.
        """
        super().__init__(name="exact_index")
        vectors = np.asarray(candidates, np.float32)
        self.size, self.dim = vectors.shape
        self._slabs = -(-self.size // SLAB)
        self._blocks = -(-self.size // (self._slabs * BLOCK))  # of a slab
        self._width = self._blocks * BLOCK
        filled = np.pad(vectors, [(0, self._slabs * self._width - self.size), (0, 0)])
        shape = (self._slabs, self._blocks, BLOCK, self.dim)
        columns = filled.reshape(shape).transpose(0, 3, 2, 1)
        columns = columns.reshape(self._slabs, self.dim, self._width)
        # The last row is added to each score: 0 for items on offer, -inf for withdrawn ones.
        # Renewing an index changes that row and nothing else.
        columns = np.pad(columns, [(0, 0), (0, 1), (0, 0)])
        self._columns = tf.Variable(columns, trainable=False)

    def vectors(self) -> tf.Tensor:
        """Returns all vectors in the order of positions, float32 `[catalogue, dim]`."""
        shape = [self._slabs, self.dim, BLOCK, self._blocks]
        columns = tf.reshape(self._columns[:, : self.dim], shape)
        return tf.reshape(tf.transpose(columns, [0, 3, 2, 1]), [-1, self.dim])[: self.size]

    def vectors_at(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of positions, int64 `[n]`, as float32 `[n, dim]`."""
        slab, column = self._place(positions)
        every_dim = tf.range(self.dim, dtype=positions.dtype)[None]
        at = tf.stack(tf.broadcast_dynamic_shape(tf.shape(slab[:, None]), tf.shape(every_dim)))
        spread = (tf.broadcast_to(part, at) for part in (slab[:, None], every_dim, column[:, None]))
        # Gathered from the value: gathering from the variable itself would switch it, for good, to
        # copying at each read, after which one query of a million items takes ten times as long.
        columns = tf.convert_to_tensor(self._columns)
        return tf.gather_nd(columns, tf.stack(list(spread), axis=2))

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Scores the catalogue.

        Args:
          queries: float32 `[batch, dim]`.

        Returns:
          float32 `[slabs, batch, columns]`; `cells` tells where an item's score stands. That of a
          withdrawn item is -inf.
        """
        queries = tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)
        return tf.linalg.matmul(queries[None], self._columns)

    def on_offer(self, scores: tf.Tensor) -> tf.Tensor:
        """Puts -inf on withdrawn items, in scores of any origin laid out as `scores` are."""
        return scores + self._columns[:, self.dim :]

    def offered(self) -> tf.Tensor:
        """Returns which items are on offer, bool `[catalogue]`."""
        columns = tf.reshape(self._columns[:, self.dim], [self._slabs, BLOCK, self._blocks])
        return tf.reshape(tf.transpose(columns, [0, 2, 1]), [-1])[: self.size] == 0.0

    def cells(self, positions: tf.Tensor) -> tf.Tensor:
        """Tells where in `scores` the scores of items stand.

        Args:
          positions: int `[batch, any]`, a row for each query.

        Returns:
          Indices of the same type, `[batch, any, 3]`.
        """
        slab, column = self._place(positions)
        query = tf.range(tf.shape(positions, positions.dtype)[0])[:, None]
        return tf.stack([slab, tf.broadcast_to(query, tf.shape(slab)), column], axis=2)

    def by_position(self, values: tf.Tensor) -> tf.Tensor:
        """Lays values by position, `[catalogue]`, out like scores: `[slabs, 1, columns]`."""
        filled = tf.pad(values, [[0, self._slabs * self._width - self.size]])
        by_block = tf.reshape(filled, [self._slabs, self._blocks, BLOCK])
        return tf.reshape(tf.transpose(by_block, [0, 2, 1]), [self._slabs, 1, self._width])

    def top(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items; of equal ones, those with the lowest position.

        An item that is not in one of the k + 1 blocks with the highest maxima is beaten by k
        items: one in each of k blocks, for one of them may owe its maximum to a filling vector.

        Args:
          scores: float32 `[slabs, batch, columns]`, from `scores`, possibly changed in some cells.
          k: how many, at most the catalogue's size.

        Returns:
          scores, float32 `[batch, k]`, best first, and positions, int32 of the same shape. Where
          the score is -inf, there was nothing left to find, and the position means nothing.
        """
        best = self._block_maxima(scores)
        chosen = tf.math.top_k(best, tf.minimum(k + 1, tf.shape(best)[1]), sorted=False).indices
        chosen = tf.sort(chosen, axis=1)
        batch, width = tf.shape(chosen)[0], tf.shape(chosen)[1] * BLOCK
        slab, block = chosen // self._blocks, chosen % self._blocks
        first = (slab * batch + tf.range(batch)[:, None]) * self._width + block
        cells = tf.reshape(first[:, :, None] + tf.range(BLOCK) * self._blocks, [batch, width])
        found = tf.gather(tf.reshape(scores, [-1]), cells)
        positions = tf.reshape(chosen[:, :, None] * BLOCK + tf.range(BLOCK), [batch, width])
        if self.size % BLOCK:
            found = tf.where(positions < self.size, found, -float("inf"))
        top_scores, place = tf.math.top_k(found, k)
        positions = tf.gather(positions, place, axis=1, batch_dims=1)
        return top_scores, tf.minimum(positions, self.size - 1)

    def _block_maxima(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the best score of each block that holds an item, `[batch, blocks]`."""
        by_row = tf.reshape(scores, [-1, 1, BLOCK, self._blocks])
        # The same as a reduce_max over axis 2, which is not vectorised.
        best = tf.nn.max_pool2d(by_row, [1, BLOCK], [1, BLOCK], "VALID")
        best = tf.reshape(best, [self._slabs, tf.shape(scores)[1], self._blocks])
        best = tf.reshape(tf.transpose(best, [1, 0, 2]), [-1, self._slabs * self._blocks])
        return best[:, : -(-self.size // BLOCK)]

    def _place(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns slab and column of positions, of the same shape."""
        slab, within = positions // self._width, positions % self._width
        return slab, within % BLOCK * self._blocks + within // BLOCK


def with_offer(columns: FloatArray, offered: npt.NDArray[np.bool_]) -> FloatArray:
    """Returns the value of an index's variable with another offer.

    Args:
      columns: the variable's value, float32 `[slabs, dim + 1, columns]`.
      offered: which items are on offer, bool `[catalogue]`.
    """
    slabs, _, width = columns.shape
    values = np.where(offered, np.float32(0), np.float32(-np.inf))
    values = np.pad(values, (0, slabs * width - len(offered)))
    by_block = values.reshape(slabs, width // BLOCK, BLOCK).transpose(0, 2, 1)
    changed = columns.copy()
    changed[:, -1] = by_block.reshape(slabs, width)
    return changed


def offer_in(columns: FloatArray, size: int) -> npt.NDArray[np.bool_]:
    """Returns which items are on offer by the value of an index's variable, bool `[catalogue]`."""
    slabs, _, width = columns.shape
    by_block = columns[:, -1].reshape(slabs, BLOCK, width // BLOCK).transpose(0, 2, 1)
    return np.asarray(by_block.reshape(-1)[:size] == 0)
