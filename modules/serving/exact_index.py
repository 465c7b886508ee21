"""The exact index: scores the whole catalogue and finds the best items, in plain TensorFlow ops.

`tf.math.top_k` looks at one score at a time, and takes twice as long as the matrix product as soon
as there are several queries. Here it sees the maxima of blocks of items first, and then only the
blocks that can hold one of the k best. Adjusted scores are found without a changed copy; a test
holds the answers equal to a full sort by `modules.serving.score_adjustments`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules.array_types import BoolArray, Float32Array
from modules.serving.scatter import batch_scatter_update

# About the square root of catalogue / k, where both looks of top_k take the same time.
BLOCK = 32


class ExactIndex(tf.Module):
    """Candidate vectors as the columns of one matrix; a block is `BLOCK` items in a row.

    The product of one query and a single matrix takes half as long, in TensorFlow, as that with a
    batch of matrices, or with rows for items.

    Attributes:
      size: of the catalogue.
      dim: length of a vector.
      width: scores that a query has, those of all items and what fills the last block.
    """

    def __init__(self, candidates: tf.Tensor) -> None:
        """Lays the vectors out.

        Args:
          candidates: float32 `[catalogue, dim]`, in the order that breaks ties.
        """
        super().__init__(name="exact_index")
        vectors = np.asarray(candidates, np.float32)
        self.size, self.dim = vectors.shape
        self.width = -(-self.size // BLOCK) * BLOCK
        filled = np.pad(vectors, [(0, self.width - self.size), (0, 0)])
        # The last row is added to each score: 0 for items on offer, -inf for withdrawn ones, and
        # for columns without an item. Renewing an index changes that row and nothing else.
        offer = _offer_row(np.ones(self.size, bool), self.width)
        self._columns = tf.Variable(np.vstack([filled.T, offer]), trainable=False)

    def vectors(self) -> tf.Tensor:
        """Returns all vectors in the order of positions, float32 `[catalogue, dim]`."""
        return tf.transpose(self._columns[: self.dim, : self.size])

    def vectors_at(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of positions, int64 `[n]`, as float32 `[n, dim]`."""
        # Gathered from the value: gathering from the variable itself would switch it, for good, to
        # copying at each read, after which one query of a million items takes ten times as long.
        values = tf.convert_to_tensor(self._columns)
        return tf.transpose(tf.gather(values, positions, axis=1))[:, : self.dim]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Scores the catalogue.

        Args:
          queries: float32 `[batch, dim]`.

        Returns:
          float32 `[batch, width]`, by position. That of a withdrawn item is -inf, as are those
          beyond the catalogue.
        """
        queries = tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)
        return tf.linalg.matmul(queries, self._columns)

    def on_offer(self, scores: tf.Tensor) -> tf.Tensor:
        """Puts -inf on withdrawn items, in scores of any origin, float32 `[..., width]`."""
        return scores + self._columns[self.dim]

    def offered(self) -> tf.Tensor:
        """Returns which items are on offer, bool `[catalogue]`."""
        return self._columns[self.dim, : self.size] == 0.0

    def top(
        self,
        scores: tf.Tensor,
        k: int | tf.Tensor,
        changed: tf.Tensor | None = None,
        bonus: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items; of equal ones, those with the lowest position.

        An item that is not in one of the k blocks with the highest maxima is beaten, or equalled by
        items before it, by k items: one in each of those blocks. Blocks of changed items are looked
        at besides the k, so that the scores need no changed copy.

        Args:
          scores: float32 `[batch, width]`.
          k: how many, at most the catalogue's size.
          changed: positions of items whose scores are to be changed, int32 `[batch, any]`, also
            repeatedly; None for none.
          bonus: what is added to their scores, float32 of that shape, the same for the same item;
            given with `changed`.

        Returns:
          scores, float32 `[batch, k]`, best first, and positions, int32 of the same shape. Where
          the score is -inf, there was nothing left to find, and the position means nothing.
        """
        by_block = tf.reshape(scores, [-1, self.width // BLOCK, BLOCK])
        best = tf.reduce_max(by_block, axis=2)
        count = k
        if changed is not None:
            block_changed = changed // BLOCK
            best = batch_scatter_update(
                best, block_changed, tf.fill(tf.shape(changed), np.float32(np.inf))
            )
            count += tf.shape(changed)[1]
        count = tf.minimum(count, self.width // BLOCK)
        blocks = tf.math.top_k(best, count, sorted=False).indices
        blocks = -tf.math.top_k(-blocks, count).values  # in order, by fewer ops than tf.sort has
        found = tf.gather(by_block, blocks, axis=1, batch_dims=1)
        found = tf.reshape(found, [-1, count * BLOCK])
        if changed is not None:
            # One op, where tf.searchsorted has ten.
            place = tf.raw_ops.LowerBound(sorted_inputs=blocks, values=block_changed)
            place = place * BLOCK + changed % BLOCK
            found = batch_scatter_update(
                found, place, tf.gather(found, place, batch_dims=1) + bonus
            )
        top_scores, place = tf.math.top_k(found, k)
        block = tf.gather(blocks, place // BLOCK, axis=1, batch_dims=1)
        return top_scores, tf.minimum(block * BLOCK + place % BLOCK, self.size - 1)


def with_offer(matrix: Float32Array, offered: BoolArray) -> Float32Array:
    """Returns the value of an index's variable with another offer.

    Args:
      matrix: the variable's value, float32 `[dim + 1, width]`.
      offered: which items are on offer, bool `[catalogue]`.
    """
    return np.vstack([matrix[:-1], _offer_row(offered, matrix.shape[1])])


def offer_in(matrix: Float32Array, size: int) -> BoolArray:
    """Returns which items are on offer by the value of an index's variable, bool `[catalogue]`."""
    return np.asarray(matrix[-1, :size] == 0)


def _offer_row(offered: BoolArray, width: int) -> Float32Array:
    """Returns the last row of the matrix, float32 `[1, width]`."""
    is_offered = np.pad(offered, (0, width - len(offered)))
    return np.where(is_offered, np.float32(0), np.float32(-np.inf))[None]
