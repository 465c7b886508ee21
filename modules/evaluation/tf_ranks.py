"""Ranks of targets among the whole catalogue, in TensorFlow, for graphs and large catalogues.

A test holds them equal to `modules.evaluation.ranks`, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from modules.evaluation.ranks import UNRANKED

# Scores held at a time: 4M float32 are 16 MiB. From 32 MiB on, the memory of each tensor comes from
# the system, filled with zeros: twice the time.
_SCORES_PER_BLOCK = 4_000_000


def conservative_rank(
    queries: tf.Tensor,
    candidates: tf.Tensor,
    target: tf.Tensor,
    allowed: tf.Tensor | None = None,
    adjust: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Ranks each query's target: the number of candidates whose score is not below the target's.

    Ties count against the model, and so do other candidates scored NaN.

    Args:
      queries: float `[queries, dim]`.
      candidates: float `[catalogue, dim]`.
      target: positions in the catalogue, int `[queries]`; negative outside of it.
      allowed: candidates that take part, bool `[catalogue]`; all by default.
      adjust: maps scores `[rows, catalogue]` and the rows' places among the queries, int `[rows]`,
        to the scores to compare, of the same shape.

    Returns:
      int64 `[queries]`, 1 is best; `UNRANKED` for a target that cannot be recommended: one outside
      the catalogue, one that takes no part, one scored NaN or -inf.
    """
    catalogue = tf.shape(candidates)[0]
    takes_part = tf.fill([catalogue], True) if allowed is None else allowed
    block = tf.maximum(_SCORES_PER_BLOCK // tf.maximum(catalogue, 1), 1)
    count = tf.shape(queries)[0]
    blocks = -(-count // block)

    def rank_block(index: tf.Tensor) -> tf.Tensor:
        rows = tf.range(index * block, tf.minimum((index + 1) * block, count))
        scores = tf.linalg.matmul(tf.gather(queries, rows), candidates, transpose_b=True)
        if adjust is not None:
            scores = adjust(scores, rows)
        positions = tf.maximum(tf.gather(target, rows), 0)
        of_target = tf.gather(scores, positions, axis=1, batch_dims=1)[:, None]
        not_below = tf.logical_not(scores < of_target) & takes_part
        # Half the memory, and time, of counting in int64.
        number = tf.cast(tf.math.count_nonzero(not_below, axis=1, dtype=tf.int32), tf.int64)
        return tf.where(of_target[:, 0] > -float("inf"), number, UNRANKED)

    ranks = tf.map_fn(
        lambda index: tf.RaggedTensor.from_tensor(rank_block(index)[None]),
        tf.range(blocks),
        fn_output_signature=tf.RaggedTensorSpec([1, None], tf.int64, ragged_rank=1),
    ).flat_values
    position = tf.maximum(target, 0)
    scored = (target >= 0) & tf.gather(takes_part, position)
    return tf.where(scored, ranks, UNRANKED)
