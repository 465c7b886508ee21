"""The catalogue's scores after a session, and the ranks of all its steps by the same scores."""

from __future__ import annotations

import tensorflow as tf

from modules.data.item_indices import FIRST_ITEM, NO_ITEM, PADDING
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.tf_ranks import conservative_rank
from modules.model.inference_query_tower import InferenceQueryTower
from modules.model.towers import QueryTower
from modules.serving.contexts import latest_kept, latest_right_padded
from modules.serving.exact_index import ExactIndex
from modules.serving.score_adjustments import (
    NO_CHANGE,
    SessionAdjustments,
    adjust_scores,
    seen_bonus,
)


class SessionScorer(tf.Module):
    """Applies query tower, index and score adjustments to sessions of catalogue positions.

    Items outside the catalogue are dropped from a session before it is truncated and padded, as in
    training. The tower alone works with item indices, which it was trained on. Methods take the
    output of `contexts`; the result of an empty context is arbitrary.
    """

    def __init__(
        self,
        query_tower: QueryTower,
        index: ExactIndex,
        max_context: int,
        seen: SessionAdjustments,
    ) -> None:
        """Takes the trained parts.

        Args:
          query_tower: trained query tower.
          index: index of the candidate vectors.
          max_context: number of items of a session that the query tower sees, the latest ones.
          seen: score adjustments of the items that the query tower sees.
        """
        super().__init__(name="session_scorer")
        self._served_tower = tower = InferenceQueryTower(query_tower)
        # Traced once for all signatures.
        traced = tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
        self._step_queries = traced(lambda contexts: tower(_item_index(contexts)))
        self._latest_queries = traced(lambda contexts: tower.latest(_item_index(contexts)))
        self.index = index
        self._max_context = max_context
        self._seen = seen

    def contexts(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the items of each session that the query tower sees.

        Args:
          positions: int64 `[batch, length]` in time order; -1 for unknown items.

        Returns:
          Positions, int64 `[batch, longest]`, right-padded with -1; longest is at least 1.
        """
        return latest_kept(positions, self._in_catalogue(positions), self._max_context)

    def queries(self, contexts: tf.Tensor) -> tf.Tensor:
        """Returns the query vector after each session, float32 `[batch, dim]`."""
        return self._latest_queries(contexts)

    def scores(self, contexts: tf.Tensor) -> tf.Tensor:
        """Returns the scores after each session, float32 `[batch, index.width]`, by position."""
        return adjust_scores(self.index.scores(self.queries(contexts)), contexts, self._seen)

    def top(self, contexts: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the k best items after each session by `scores`, as `ExactIndex.top` does."""
        scores = self.index.scores(self.queries(contexts))
        if self._seen == NO_CHANGE:
            return self.index.top(scores, k)
        positions, bonus = seen_bonus(contexts, self._seen)
        return self.index.top(scores, k, tf.cast(tf.maximum(positions, 0), tf.int32), bonus)

    def state(self, contexts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns all that the scores after each session depend on but the candidate vectors.

        Returns:
          `query`, float32 `[batch, dim]`; `positions` of the session's items, int64 `[batch,
          length]`, -1 for none; `bonus`, which is added to their scores, float32 of that shape.
        """
        positions, bonus = seen_bonus(contexts, self._seen)
        return {"query": self.queries(contexts), "positions": positions, "bonus": bonus}

    def step_ranks(self, positions: tf.RaggedTensor) -> tf.RaggedTensor:
        """Ranks the target of every step by the `scores` after its prefix.

        The query vector of a prefix is the tower's after its latest `max_context` catalogue items:
        up to that length all prefixes of a session share one row of the tower, beyond it each
        prefix needs a row of its own.

        Args:
          positions: positions of known items, int64 `[batch, (length)]`; -1 for an unknown one.

        Returns:
          Conservative ranks, int64 `[batch, (length - 1)]`; `UNRANKED` for a target that cannot be
          recommended. After a prefix without any item, recommendable items rank by popularity.
        """
        in_catalogue = self._in_catalogue(positions)
        items = tf.ragged.boolean_mask(positions, in_catalogue)
        seen = running_count(in_catalogue)[:, :-1]
        target = positions[:, 1:].flat_values
        target = tf.where(target < self.index.size, target, NO_ITEM)
        session, items_seen = seen.value_rowids(), seen.flat_values

        contexts = self._prefix_contexts(items, session, items_seen)
        queries = self._prefix_queries(items, contexts, session, items_seen)
        ranks = conservative_rank(
            queries,
            self.index.vectors(),
            target,
            self.index.recommendable(),
            adjust=lambda scores, rows: adjust_scores(
                scores, tf.gather(contexts, rows), self._seen
            ),
        )
        by_popularity = self._popularity_ranks(target)
        return seen.with_flat_values(tf.where(items_seen > 0, ranks, by_popularity))

    def _popularity_ranks(self, target: tf.Tensor) -> tf.Tensor:
        """Ranks positions, int64 `[targets]`, as for an empty session."""
        allowed = tf.pad(self.index.recommendable(), [[0, 1]])  # position -1 is not recommendable
        place = tf.cumsum(tf.cast(allowed, tf.int64))
        at = tf.where(target >= 0, target, self.index.size)
        return tf.where(tf.gather(allowed, at), tf.gather(place, at), UNRANKED)

    def _in_catalogue(self, positions: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns which positions are in the catalogue, bool of the same shape."""
        return (positions >= 0) & (positions < self.index.size)

    def _prefix_contexts(
        self, items: tf.RaggedTensor, session: tf.Tensor, items_seen: tf.Tensor
    ) -> tf.Tensor:
        """Returns the context of each step, positions `[steps, max_context]`, right-padded."""
        columns = tf.range(self._max_context, dtype=tf.int64)
        length = tf.minimum(items_seen, self._max_context)
        start = tf.gather(items.row_starts(), session) + items_seen - length
        is_item = columns < length[:, None]
        places = tf.where(is_item, start[:, None] + columns, 0)
        # One item more, so that a batch without any item has a value to look up.
        values = tf.pad(items.flat_values, [[0, 1]])
        return tf.where(is_item, tf.gather(values, places), NO_ITEM)

    def _prefix_queries(
        self,
        items: tf.RaggedTensor,
        contexts: tf.Tensor,
        session: tf.Tensor,
        items_seen: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the query vector of each prefix, float32 `[steps, dim]`."""
        window = self._max_context
        short = self._step_queries(latest_right_padded(items[:, :window], window))
        within = tf.minimum(items_seen, window) - 1
        queries = tf.gather_nd(short, tf.stack([session, tf.maximum(within, 0)], axis=1))
        long_steps = tf.where(items_seen > window)
        rows = tf.gather_nd(contexts, long_steps)
        return tf.tensor_scatter_nd_update(queries, long_steps, self._latest_queries(rows))


def _item_index(contexts: tf.Tensor) -> tf.Tensor:
    """Returns the item indices of positions, int64 of the same shape: 0 is padding."""
    return tf.where(contexts != NO_ITEM, contexts + FIRST_ITEM, PADDING)


def running_count(flags: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the running count of set flags in each row, int64 of the same shape."""
    running = tf.cumsum(tf.cast(flags.flat_values, tf.int64))
    before_row = tf.gather(tf.concat([[0], running], 0), flags.row_starts())
    return flags.with_flat_values(running - tf.gather(before_row, flags.value_rowids()))
