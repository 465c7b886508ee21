"""The catalogue's scores after a session, and the ranks of all its steps by the same scores."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import tensorflow as tf

from modules.data.item_indices import FIRST_ITEM, NO_ITEM, PADDING
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.tf_ranks import Changes
from modules.model.inference_query_tower import InferenceQueryTower
from modules.model.towers import QueryTower
from modules.serving.contexts import (
    latest_before,
    latest_kept,
    latest_right_padded,
    running_count,
)
from modules.serving.exact_index import ExactIndex
from modules.serving.score_adjustments import (
    NO_CHANGE,
    SessionAdjustments,
    adjust_scores,
    seen_bonus,
)
from modules.serving.session.clicks import Clicks
from modules.serving.session.own_items import (
    OwnItems,
    beside_each,
    ends_with_own_item,
    own_items,
)


class Steps(NamedTuple):
    """The steps of sessions.

    Attributes:
      items_seen: catalogue items in the prefix, int64 `[steps]`.
      target: position, int64 `[steps]`; -1 outside the catalogue.
      contexts: what the query tower sees, int64 `[steps, max_context]`.
      queries: query vectors, float32 `[steps, dim]`; arbitrary for an empty context.
    """

    items_seen: tf.Tensor
    target: tf.Tensor
    contexts: tf.Tensor
    queries: tf.Tensor

    def take(self, rows: tf.Tensor) -> Steps:
        """Returns some of the steps."""
        return Steps(*(tf.gather(values, rows) for values in self))


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
        # Traced once for all signatures; behind partial, as functions of a module are saved twice.
        traced = tf.function(
            input_signature=[tf.TensorSpec([None, None], tf.int64)], autograph=False
        )
        self._step_queries = partial(traced(lambda contexts: tower(_item_index(contexts))))
        self._latest_queries = partial(traced(lambda contexts: tower.latest(_item_index(contexts))))
        self.index = index
        self.max_context = max_context
        self._seen = seen

    def contexts(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns the items of each session that the query tower sees.

        Args:
          positions: int64 `[batch, length]` in time order; -1 for unknown items.

        Returns:
          Positions, int64 `[batch, longest]`, right-padded with -1; longest is at least 1.
        """
        return latest_kept(positions, self._in_catalogue(positions), self.max_context)

    def queries(self, contexts: tf.Tensor) -> tf.Tensor:
        """Returns the query vector after each session, float32 `[batch, dim]`."""
        return self._latest_queries(contexts)

    def plain_scores(self, contexts: tf.Tensor) -> tf.Tensor:
        """Returns the scores after each session without adjustments of its items.

        Returns:
          float32 `[batch, index.width]`, by position.
        """
        return self.index.scores(self.queries(contexts))

    def scores(
        self, plain: tf.Tensor, contexts: tf.Tensor, is_over: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the scores after each session, float32 `[batch, index.width]`, by position.

        Args:
          plain: output of `plain_scores`.
          contexts: output of `contexts`.
          is_over: as in `score_adjustments.seen_bonus`.
        """
        return adjust_scores(plain, contexts, self._seen, is_over)

    def top(
        self, plain: tf.Tensor, contexts: tf.Tensor, k: int, is_over: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the k best items after each session by `scores`, as `ExactIndex.top` does."""
        if self._seen == NO_CHANGE:
            return self.index.top(plain, k)
        positions, bonus = seen_bonus(contexts, self._seen, is_over)
        return self.index.top(plain, k, tf.cast(tf.maximum(positions, 0), tf.int32), bonus)

    def own_items(self, clicks: Clicks) -> OwnItems:
        """Returns the items of sessions that the model does not know."""
        return own_items(clicks, self.index.size, self._seen)

    def state(self, contexts: tf.Tensor, is_over: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Returns all that the scores after each session depend on but the candidate vectors.

        Args:
          contexts: output of `contexts`.
          is_over: as in `score_adjustments.seen_bonus`.

        Returns:
          `query`, float32 `[batch, dim]`; `positions` of the session's items, int64 `[batch,
          length]`, -1 for none; `bonus`, which is added to their scores, float32 of that shape.
        """
        positions, bonus = seen_bonus(contexts, self._seen, is_over)
        return {"query": self.queries(contexts), "positions": positions, "bonus": bonus}

    def steps(self, positions: tf.RaggedTensor) -> Steps:
        """Returns the steps of sessions.

        The query vector of a prefix is the tower's after its latest `max_context` catalogue items:
        up to that length all prefixes of a session share one row of the tower, beyond it each
        prefix needs a row of its own.

        Args:
          positions: positions of known items, int64 `[sessions, (length)]`; -1 for an unknown one.
        """
        in_catalogue = self._in_catalogue(positions)
        items = tf.ragged.boolean_mask(positions, in_catalogue)
        seen = running_count(in_catalogue)[:, :-1]
        target = positions[:, 1:].flat_values
        target = tf.where(target < self.index.size, target, NO_ITEM)
        session, items_seen = seen.value_rowids(), seen.flat_values
        contexts = latest_before(items, session, items_seen, self.max_context)
        queries = self._prefix_queries(items, contexts, session, items_seen)
        return Steps(items_seen, target, contexts, queries)

    def ranks(self, steps: Steps) -> tf.Tensor:
        """Ranks the target of every step by the `scores` after its prefix.

        Returns:
          Conservative ranks, int64 `[steps]`; `UNRANKED` for a target that cannot be recommended.
          After a prefix without any item, recommendable items rank by popularity.
        """
        is_changed = self._seen != NO_CHANGE
        changes = Changes(*seen_bonus(steps.contexts, self._seen)) if is_changed else None
        has_items = steps.items_seen > 0
        ranks = self.index.ranks(steps.queries, tf.where(has_items, steps.target, NO_ITEM), changes)
        return tf.where(has_items, ranks, self._popularity_ranks(steps.target))

    def ranks_among_own(self, steps: Steps, clicks: Clicks, target_codes: tf.Tensor) -> tf.Tensor:
        """Ranks the target of every step among the catalogue's items and those of its prefix.

        Args:
          steps: some steps.
          clicks: latest clicks of their prefixes.
          target_codes: numbers of the targets as in `clicks`, int64 `[steps]`.

        Returns:
          As `ranks`; unknown items of the prefix have a rank too. An answer has no more items than
          the catalogue, so ranks beyond are `UNRANKED`.
        """
        own = self.own_items(clicks)
        is_target = clicks.is_new & (clicks.codes == target_codes[:, None])
        own_column = tf.argmax(tf.cast(is_target, tf.int32), axis=1)
        is_own = tf.reduce_any(is_target, axis=1)
        has_items = steps.contexts[:, 0] != NO_ITEM
        target = tf.where(is_own, self.index.width + own_column, steps.target)

        def own_scores(rows: tf.Tensor) -> tf.Tensor:
            queries, clicked, has = (
                tf.gather(v, rows) for v in (steps.queries, clicks.positions, has_items[:, None])
            )
            clicked = tf.where(self._in_catalogue(clicked), clicked, 0)
            of_clicks = self.index.scores_at(queries, clicked)
            return own.take(rows).scores(beside_each(of_clicks, 0.0), has)

        ranks = self.index.ranks(
            steps.queries,
            tf.where(has_items, target, NO_ITEM),
            Changes(*seen_bonus(steps.contexts, self._seen, ends_with_own_item(clicks))),
            own_scores,
        )
        # Without an item of the catalogue, own items come before the popular ones.
        scores = own.scores_alone()
        of_target = tf.gather(scores, own_column[:, None], batch_dims=1)
        least = tf.where(is_own[:, None], of_target, 1.0)  # the lowest of them
        own_place = tf.math.count_nonzero(scores >= least, axis=1)
        by_popularity = own_place + self._popularity_ranks(steps.target)
        alone = tf.where(is_own, own_place, by_popularity)
        ranks = tf.where(has_items, ranks, alone)
        return tf.where(ranks > self.index.size, tf.cast(UNRANKED, tf.int64), ranks)

    def _popularity_ranks(self, target: tf.Tensor) -> tf.Tensor:
        """Ranks positions, int64 `[targets]`, as for an empty session."""
        allowed = tf.pad(self.index.recommendable(), [[0, 1]])  # position -1 is not recommendable
        place = tf.cumsum(tf.cast(allowed, tf.int64))
        at = tf.where(target >= 0, target, self.index.size)
        return tf.where(tf.gather(allowed, at), tf.gather(place, at), UNRANKED)

    def _in_catalogue(self, positions: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns which positions are in the catalogue, bool of the same shape."""
        return (positions >= 0) & (positions < self.index.size)

    def _prefix_queries(
        self,
        items: tf.RaggedTensor,
        contexts: tf.Tensor,
        session: tf.Tensor,
        items_seen: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the query vector of each prefix, float32 `[steps, dim]`."""
        window = self.max_context
        short = self._step_queries(latest_right_padded(items[:, :window], window))
        within = tf.minimum(items_seen, window) - 1
        queries = tf.gather_nd(short, tf.stack([session, tf.maximum(within, 0)], axis=1))
        long_steps = tf.where(items_seen > window)
        rows = tf.gather_nd(contexts, long_steps)
        return tf.tensor_scatter_nd_update(queries, long_steps, self._latest_queries(rows))


def _item_index(contexts: tf.Tensor) -> tf.Tensor:
    """Returns the item indices of positions, int64 of the same shape: 0 is padding."""
    return tf.where(contexts != NO_ITEM, contexts + FIRST_ITEM, PADDING)
