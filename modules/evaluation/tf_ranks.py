"""Ranks of targets among the whole catalogue, in TensorFlow, for graphs and large catalogues.

A test holds them equal to `modules.evaluation.ranks`, in NumPy.

A large catalogue is scored in tiles: products of a hundred queries with some of its items at a time
are faster than those of a few queries with all, which read the whole catalogue for each few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from modules.evaluation.ranks import UNRANKED
from modules.tf_scatter import batch_scatter_update

# Scores held at a time: 4M float32 are 16 MiB. From 32 MiB on, the memory of each tensor comes from
# the system, filled with zeros: twice the time.
_SCORES_PER_BLOCK = 4_000_000
# Of small catalogues: `others` may need some KB for each query.
_QUERIES_PER_BLOCK = 1_024
_MOST_ITEMS_AT_ONCE = 200_000  # of fewer, tiles take longer
# More than the queries of a block; and of another width, TensorFlow may compute the last columns of
# a product in another way, so that their last digits differ.
_ITEMS_PER_TILE = 32_768


class Changes(NamedTuple):
    """What is added to single scores.

    Attributes:
      positions: int `[queries, any]`; repeated ones have the same bonus, negative ones have none.
      bonus: float of the same shape.
    """

    positions: tf.Tensor
    bonus: tf.Tensor

    def take(self, rows: tf.Tensor) -> Changes:
        """Returns those of some of the queries, int `[rows]`."""
        return Changes(*(tf.gather(values, rows) for values in self))

    def bonus_at(self, position: tf.Tensor) -> tf.Tensor:
        """Returns the bonus of a position of each query, int `[queries]`, as `[queries, 1]`."""
        is_there = tf.cast(self.positions == position[:, None], tf.int32)
        # One more, which stands for none.
        place = tf.argmax(tf.pad(is_there, [[0, 0], [0, 1]], constant_values=1), axis=1)
        return tf.gather(tf.pad(self.bonus, [[0, 0], [0, 1]]), place[:, None], batch_dims=1)

    def added(self, scores: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        """Adds to the scores of consecutive items of the catalogue.

        Args:
          scores: float `[queries, items]`.
          first: position of the first item, of the type of `positions`.

        Returns:
          Scores of the same shape.
        """
        column = self.positions - first
        is_inside = (column >= 0) & (column < tf.shape(scores, column.dtype)[1])
        # Cells outside the tile stand for its first item, which may have a bonus.
        of_first = self.bonus_at(tf.fill(tf.shape(scores)[:1], first))
        column, bonus = tf.where(is_inside, column, 0), tf.where(is_inside, self.bonus, of_first)
        cells = tf.gather(scores, column, batch_dims=1) + bonus
        return batch_scatter_update(scores, column, cells)


def conservative_rank(
    queries: tf.Tensor,
    columns: tf.Tensor,
    target: tf.Tensor,
    allowed: tf.Tensor | None = None,
    changes: Changes | None = None,
    others: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Ranks each query's target: the number of candidates whose score is not below the target's.

    Ties count against the model, and so do other candidates scored NaN.

    Args:
      queries: float `[queries, dim]`.
      columns: vectors of the catalogue, float `[dim, catalogue]`.
      target: positions in the catalogue, int `[queries]`; its size + j for column j of `others`;
        negative for none.
      allowed: which items take part, bool `[catalogue]`; all by default.
      changes: what is added to scores of the catalogue.
      others: maps places among the queries, int32 `[rows]`, to scores of further candidates, float
        `[rows, any]`; -inf for none. Called with those of queries that are ranked, in order.

    Returns:
      int64 `[queries]`, 1 is best; `UNRANKED` for a target that cannot be recommended: a negative
      one, one that takes no part, one scored NaN or -inf.
    """
    catalogue = tf.shape(columns)[1]
    target = tf.cast(target, tf.int32)
    if allowed is None:
        allowed = tf.fill([catalogue], True)
    if changes is None:
        none = tf.zeros([tf.size(target), 0], tf.int32)
        changes = Changes(none, tf.zeros(tf.shape(none), tf.as_dtype(queries.dtype)))
    changes = changes._replace(positions=tf.cast(changes.positions, tf.int32))
    takes_part = tf.gather(allowed, tf.clip_by_value(target, 0, catalogue - 1))
    # Queries of other targets are not scored.
    to_rank = tf.where((target >= 0) & (takes_part | (target >= catalogue)))
    count = tf.shape(to_rank)[0]
    is_large = catalogue > _MOST_ITEMS_AT_ONCE
    width = tf.where(is_large, _ITEMS_PER_TILE, catalogue)
    per_block = tf.clip_by_value(_SCORES_PER_BLOCK // tf.maximum(width, 1), 1, _QUERIES_PER_BLOCK)

    def rank_block(index: tf.Tensor) -> tf.Tensor:
        end = tf.minimum((index + 1) * per_block, count)
        rows = tf.cast(to_rank[index * per_block : end, 0], tf.int32)
        none = tf.zeros([tf.size(rows), 0], tf.as_dtype(queries.dtype))
        further = none if others is None else others(rows)
        of_rows = (tf.gather(queries, rows), tf.gather(target, rows), changes.take(rows), further)
        block = _Block(columns, allowed, *of_rows)
        return tf.cond(is_large, lambda: block.ranks_by_tiles(width), block.ranks)

    ranks = tf.map_fn(
        lambda index: tf.RaggedTensor.from_tensor(rank_block(index)[None]),
        tf.range(-(-count // per_block)),
        parallel_iterations=1,  # the memory of one block
        fn_output_signature=tf.RaggedTensorSpec([1, None], tf.int64, ragged_rank=1),
    ).flat_values
    unranked = tf.fill(tf.shape(target), tf.cast(UNRANKED, tf.int64))
    return tf.tensor_scatter_nd_update(unranked, to_rank, ranks)


class _Block(NamedTuple):
    """Some of the queries of `conservative_rank`, with the shapes there; `others` are scores."""

    columns: tf.Tensor
    allowed: tf.Tensor
    queries: tf.Tensor
    target: tf.Tensor
    changes: Changes
    others: tf.Tensor

    def ranks(self) -> tf.Tensor:
        """Returns the ranks, int64 `[queries]`, from all scores together."""
        scores = self.changes.added(tf.linalg.matmul(self.queries, self.columns), 0)
        least = self._least(tf.gather(scores, self._in_catalogue[:, None], batch_dims=1))
        return self._ranks(least, _not_below(scores, least, self.allowed))

    def ranks_by_tiles(self, width: tf.Tensor) -> tf.Tensor:
        """Returns the ranks, from the scores of `width` items, more than queries, at a time."""
        # So that ties are ties, all products have one shape, and the last tile begins within the
        # one before it: products of another shape differ in the last digit.
        catalogue, count = tf.size(self.allowed), tf.size(self.target)
        targets = tf.gather(self.columns, self._in_catalogue, axis=1)
        targets = tf.pad(targets, [[0, 0], [0, width - count]])
        of_target = tf.linalg.diag_part(tf.linalg.matmul(self.queries, targets))[:, None]
        least = self._least(of_target + self.changes.bonus_at(self._in_catalogue))

        def add_tile(begin: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            first = tf.minimum(begin, catalogue - width)
            tile = slice(first, first + width)
            scores = self.changes.added(
                tf.linalg.matmul(self.queries, self.columns[:, tile]), first
            )
            takes_part = self.allowed[tile] & (tf.range(first, first + width) >= begin)
            return begin + width, number + _not_below(scores, least, takes_part)

        at_start = (tf.constant(0), tf.zeros([count], tf.int32))
        _, number = tf.while_loop(
            lambda begin, _: begin < catalogue, add_tile, at_start, parallel_iterations=1
        )
        return self._ranks(least, number)

    @property
    def _in_catalogue(self) -> tf.Tensor:
        """The targets, and any position for one outside the catalogue."""
        return tf.clip_by_value(self.target, 0, tf.size(self.allowed) - 1)

    def _least(self, of_target: tf.Tensor) -> tf.Tensor:
        """Returns the targets' scores, from those of `_in_catalogue`, both `[queries, 1]`."""
        place = tf.maximum(self.target - tf.size(self.allowed) + 1, 0)
        return tf.gather(tf.concat([of_target, self.others], 1), place[:, None], batch_dims=1)

    def _ranks(self, least: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Returns the ranks, from the number of the catalogue's items that are not below."""
        number += _not_below(self.others, least, tf.constant(True))
        return tf.where(least[:, 0] > -float("inf"), tf.cast(number, tf.int64), UNRANKED)


def _not_below(scores: tf.Tensor, least: tf.Tensor, takes_part: tf.Tensor) -> tf.Tensor:
    """Returns how many of the items that take part reach a score, int32 `[queries]`."""
    # Half the memory, and time, of counting in int64.
    is_counted = tf.logical_not(scores < least) & takes_part
    return tf.math.count_nonzero(is_counted, axis=1, dtype=tf.int32)
