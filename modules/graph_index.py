"""An approximate index in plain TensorFlow ops: a walk on the graph of nearest neighbors.

The search knows the best of a few entry items and the items it starts from. In each step it takes
the best items that it has not looked behind, and scores their neighbors (Hajebi et al., 2011, "Fast
approximate nearest-neighbor search with k-nearest neighbor graph", with a fixed number of steps and
whole sets of items at a time, which suits tensors). It scores some thousand items of a million.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

ENTRIES = 1_024
# Of the entries so many take part in the walk, so that a walk finds at least that many items.
BEST_ENTRIES = 128
# Items that are put in order of their positions where scores tie; more than are ever answered.
_ORDERED = 16

NONE = -float("inf")


class GraphIndex(tf.Module):
    """Candidate vectors and their neighbors."""

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        neighbors: npt.NDArray[np.int32],
        widths: Sequence[int],
    ) -> None:
        """Takes the graph.

        Args:
          vectors: float32 `[catalogue, dim]`, in the order that breaks ties.
          neighbors: positions of the neighbors of each item, int32 `[catalogue, any]`.
          widths: of each step, how many items' neighbors are looked at.
        """
        super().__init__(name="graph_index")
        self.size, self.dim = vectors.shape
        self._widths = tuple(widths)
        # Spread over the catalogue, of popular and of rare items.
        entries = np.unique(np.linspace(0, self.size - 1, min(ENTRIES, self.size)).astype(np.int32))
        self._entries = tf.Variable(entries, trainable=False)
        self._entry_columns = tf.Variable(vectors[entries].T, trainable=False)
        self._vectors = tf.Variable(vectors, trainable=False)
        self._neighbors = tf.Variable(neighbors, trainable=False)

    def top(
        self, query: tf.Tensor, start: tf.Tensor, bonus: tf.Tensor, k: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best items for one query; of equal ones, those with the lowest position.

        Args:
          query: float32 `[dim]`.
          start: positions that are scored in any case, int32 `[any]`, also repeatedly; -1 for none.
          bonus: what is added to their scores at the end, float32 `[any]`.
          k: how many, at most 128 and the catalogue's size.

        Returns:
          scores, float32 `[k]`, best first, and positions, int32 `[k]`.
        """
        is_item = start >= 0
        start, place = tf.unique(tf.boolean_mask(start, is_item))
        bonus = tf.math.unsorted_segment_max(tf.boolean_mask(bonus, is_item), place, tf.size(start))
        found, scores = self._walk(query, start)
        scores += tf.pad(bonus, [[0, tf.size(found) - tf.size(start)]])
        return _best(scores, found, k)

    def _walk(self, query: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the items that were scored, those of `start` first, and their scores."""
        entry_scores = tf.linalg.matvec(self._entry_columns, query, transpose_a=True)
        best = tf.math.top_k(entry_scores, min(BEST_ENTRIES, self._entries.shape[0])).indices
        found = tf.unique(tf.concat([start, tf.gather(self._entries, best)], 0)).y
        scores = self._scores(query, found)
        unseen = scores  # of items whose neighbors were looked at, -inf
        for width in self._widths:
            chosen = tf.math.top_k(unseen, tf.minimum(width, tf.size(found)), sorted=False).indices
            near = tf.gather(self._neighbors, tf.gather(found, chosen))
            before = tf.size(found)
            found = tf.unique(tf.concat([found, tf.reshape(near, [-1])], 0)).y
            added = self._scores(query, found[before:])
            seen = tf.fill(tf.shape(chosen), NONE)
            unseen = tf.tensor_scatter_nd_update(unseen, chosen[:, None], seen)
            unseen, scores = (tf.concat([part, added], 0) for part in (unseen, scores))
        return found, scores

    def _scores(self, query: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        return tf.linalg.matvec(tf.gather(self._vectors, positions), query)


def _best(scores: tf.Tensor, positions: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the best scores and their positions, both `[k]`, ties by position."""
    some = tf.math.top_k(scores, tf.minimum(k + _ORDERED, tf.size(scores)))
    positions = tf.gather(positions, some.indices)
    # Twice a stable sort: by position, then by score.
    by_position = tf.math.top_k(-positions, tf.size(positions)).indices
    top = tf.math.top_k(tf.gather(some.values, by_position), k)
    return top.values, tf.gather(positions, tf.gather(by_position, top.indices))
