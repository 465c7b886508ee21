"""The exact index: scores the whole catalogue and finds the best items, in plain TensorFlow ops.

`tf.math.top_k` looks at one score at a time, and takes twice as long as the matrix product as soon
as there are several queries. Here it sees the maxima of blocks of items first, and then only the
blocks that can hold one of the k best. Scores are adjusted without copying them all; a test holds
the answers equal to a full sort by `modules.serving.score_adjustments`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from modules.array_types import BoolArray, Float32Array
from modules.evaluation.tf_ranks import Changes, conservative_rank
from modules.tf_scatter import batch_scatter_update

# About the square root of catalogue / k, for which both calls of top_k take the same time.
BLOCK = 32


class ExactIndex(tf.Module):
    """Candidate vectors as the columns of one matrix; a block is `BLOCK` items in a row.

    The product of one query and a single matrix takes half as long, in TensorFlow, as that with a
    batch of matrices, or with rows for items. No op holds the number of items as a constant, so a
    copy of an exported model can have more.

    Attributes:
      first_size: size of the catalogue that the index was made with.
      dim: length of a vector.
    """

    def __init__(self, candidates: tf.Tensor) -> None:
        """Takes candidate vectors, float32 `[catalogue, dim]`, in the order that breaks ties."""
        super().__init__(name="exact_index")
        vectors = np.asarray(candidates, np.float32)
        self.first_size, self.dim = vectors.shape
        columns = index_columns(vectors, np.ones(self.first_size, bool))
        self._columns = tf.Variable(columns, trainable=False, shape=[self.dim + 1, None])
        self._size = tf.Variable(self.first_size, trainable=False, dtype=tf.int64)

    @property
    def size(self) -> tf.Tensor:
        """Size of the catalogue, int64 scalar."""
        return self._size.read_value()

    @property
    def width(self) -> tf.Tensor:
        """Number of scores per query: one per item, and the padding of the last block; int64."""
        return tf.raw_ops.VariableShape(input=self._columns.handle, out_type=tf.int64)[1]

    def vectors_at(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of positions, int64 `[n]`, as float32 `[n, dim]`."""
        return tf.transpose(tf.gather(self._matrix(), positions, axis=1))[:, : self.dim]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Scores the catalogue.

        Args:
          queries: float32 `[batch, dim]`.

        Returns:
          float32 `[batch, width]`, by position. That of a withdrawn item is -inf, as are those
          beyond the catalogue.
        """
        return tf.linalg.matmul(_with_mask(queries), self._columns)

    def scores_at(self, queries: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        """Scores a few items for each query, float32 `[batch, any]`.

        Args:
          queries: float32 `[batch, dim]`.
          positions: int `[batch, any]`.
        """
        columns = tf.gather(self._matrix(), positions, axis=1)
        return tf.einsum("bd,dba->ba", _with_mask(queries), columns)

    def ranks(
        self,
        queries: tf.Tensor,
        target: tf.Tensor,
        changes: Changes | None = None,
        others: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Ranks the target of each query, as `conservative_rank` does.

        Args:
          queries: float32 `[batch, dim]`.
          target: positions, or columns of `others` from `width` on; negative for none.
          changes: as there.
          others: as there.
        """
        columns = self._matrix()
        is_item = columns[self.dim] == 0.0
        return conservative_rank(_with_mask(queries), columns, target, is_item, changes, others)

    def mask_withdrawn(self, scores: tf.Tensor) -> tf.Tensor:
        """Sets scores of withdrawn items to -inf, float32 `[..., width]`."""
        return scores + self._columns[self.dim]

    def recommendable(self) -> tf.Tensor:
        """Returns which items are recommendable, bool `[catalogue]`."""
        return self._columns[self.dim, : self.size] == 0.0

    def top(
        self,
        scores: tf.Tensor,
        k: int | tf.Tensor,
        changed: tf.Tensor | None = None,
        bonus: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items; of equal ones, those with the lowest position.

        An item outside the k blocks with the highest maxima ranks behind k items, one in each of
        those blocks. Blocks of changed items are searched as well, so that no scores are copied.

        Args:
          scores: float32 `[batch, width]`.
          k: number of items, at most the catalogue's size.
          changed: positions of items whose scores change, int32 `[batch, any]`, possibly repeated;
            None for none.
          bonus: added to their scores, float32 of that shape, the same for the same item; required
            with `changed`.

        Returns:
          Scores, float32 `[batch, k]`, best first, and positions, int32 of the same shape. Where
          the score is -inf, no item was left and the position is arbitrary.
        """
        blocks_of_row = tf.shape(scores)[1] // BLOCK
        by_block = tf.reshape(scores, [-1, blocks_of_row, BLOCK])
        best = tf.reduce_max(by_block, axis=2)
        count = k
        if changed is not None:
            block_changed = changed // BLOCK
            best = batch_scatter_update(
                best, block_changed, tf.fill(tf.shape(changed), np.float32(np.inf))
            )
            count += tf.shape(changed)[1]
        count = tf.minimum(count, blocks_of_row)
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
        return top_scores, tf.minimum(
            block * BLOCK + place % BLOCK, tf.cast(self.size, tf.int32) - 1
        )

    def _matrix(self) -> tf.Tensor:
        """Returns the value of the variable, float32 `[dim + 1, width]`.

        Gathering from the variable itself would make TensorFlow copy it at every later read: one
        query of a million items would take ten times as long.
        """
        return tf.convert_to_tensor(self._columns)


def _with_mask(queries: tf.Tensor) -> tf.Tensor:
    """Returns queries with a 1 for the row that masks items, float32 `[batch, dim + 1]`."""
    return tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0)


def index_columns(vectors: Float32Array, recommendable: BoolArray) -> Float32Array:
    """Returns the value of an index's variable, float32 `[dim + 1, width]`.

    Args:
      vectors: candidate vectors, float32 `[catalogue, dim]`, in the order that breaks ties.
      recommendable: which items are recommendable, bool `[catalogue]`.
    """
    width = -(-len(vectors) // BLOCK) * BLOCK
    filled = np.pad(vectors, [(0, width - len(vectors)), (0, 0)])
    # The last row is added to each score: 0 for recommendable items, -inf for withdrawn ones and
    # for columns without an item. Restricting an index changes that row alone.
    return np.vstack([filled.T, _mask_row(recommendable, width)])


def with_recommendable(matrix: Float32Array, recommendable: BoolArray) -> Float32Array:
    """Returns the value of an index's variable with other recommendable items.

    Args:
      matrix: value of the variable, float32 `[dim + 1, width]`.
      recommendable: which items are recommendable, bool `[catalogue]`.
    """
    return np.vstack([matrix[:-1], _mask_row(recommendable, matrix.shape[1])])


def recommendable_in(matrix: Float32Array, size: int) -> BoolArray:
    """Returns which items a variable's value holds as recommendable, bool `[catalogue]`."""
    return np.asarray(matrix[-1, :size] == 0)


def _mask_row(recommendable: BoolArray, width: int) -> Float32Array:
    """Returns the last row of the matrix, float32 `[1, width]`."""
    padded = np.pad(recommendable, (0, width - len(recommendable)))
    return np.where(padded, np.float32(0), np.float32(-np.inf))[None]
