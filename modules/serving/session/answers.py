"""The answers to sessions: the best items of the catalogue, and of those that only they hold.

What own items need is computed only where a batch has some, so that others wait for none of it.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.serving.answer_length import TOP_K
from modules.serving.exact_index import ExactIndex
from modules.serving.item_lookup import ItemLookup, bare_ids
from modules.serving.request_filters import Filters
from modules.serving.session.clicks import (
    Clicks,
    clicks_before,
    item_codes,
    latest_clicks,
)
from modules.serving.session.own_items import (
    OwnItems,
    ends_with_own_item,
    own_columns,
    with_own_items,
)
from modules.serving.session_scorer import SessionScorer

Answer = dict[str, tf.Tensor]


class Session(NamedTuple):
    """A batch of sessions.

    Attributes:
      item_ids: string `[batch, length]`, without whitespace around them; '' is padding.
      positions: int64 of the same shape; -1 for unknown items.
      contexts: what the query tower sees of them.
    """

    item_ids: tf.Tensor
    positions: tf.Tensor
    contexts: tf.Tensor

    @property
    def has_items(self) -> tf.Tensor:
        """Whether each session has an item of the catalogue, bool `[batch, 1]`."""
        return self.contexts[:, :1] != NO_ITEM


class SessionAnswers(tf.Module):
    """Answers sessions, and ranks the targets of their steps as it answers them."""

    def __init__(
        self, items: ItemLookup, index: ExactIndex, scorer: SessionScorer, own_items: bool
    ) -> None:
        """Takes the parts of a model.

        Args:
          items: the ids.
          index: the catalogue's vectors.
          scorer: scores of the index.
          own_items: whether to recommend items of the session that the model does not know.
        """
        super().__init__(name="session_answers")
        self._items, self._index, self._scorer = items, index, scorer
        # Positions of the most popular recommendable items, -1 where there are no more.
        self._popular = tf.Variable(tf.range(min(TOP_K, index.first_size)), trainable=False)
        # A variable, so that a copy of the model can switch it off.
        self._recommends_own_items = tf.Variable(own_items, trainable=False)

    def session(self, item_ids: tf.Tensor) -> Session:
        """Returns what answers depend on, from raw ids, string `[batch, length]`."""
        bare = bare_ids(item_ids)
        positions = self._items.positions_of_bare(bare)
        return Session(bare, positions, self._scorer.contexts(positions))

    def recommend(self, session: Session) -> Answer:
        """Returns `item_ids`, string `[batch, k]`, and `scores`, float32 of that shape."""
        plain = self._scorer.plain_scores(session.contexts)
        return tf.cond(
            self._has_own_items(session),
            lambda: self._best_with_own(session, plain),
            lambda: self._best(session, plain),
        )

    def filtered(self, session: Session, filters: Filters, k: tf.Tensor) -> Answer:
        """Returns `recommend` of the k best items under filters."""
        plain = self._scorer.plain_scores(session.contexts)
        return tf.cond(
            self._has_own_items(session),
            lambda: self._filtered_with_own(session, plain, filters, k),
            lambda: self._filtered(session, plain, filters, k),
        )

    def state(self, session: Session) -> Answer:
        """Returns all that answers depend on but the candidate vectors.

        Returns:
          `SessionScorer.state`; the parts of `OwnItems`, each with `own_` before its name;
          `own_alone`, its `scores_alone`; `own_ids`, string `[batch, clicks]`. If the batch has no
          own item, these have neither rows nor clicks.
        """

        def with_own() -> Answer:
            clicks, ids = self._latest_clicks(session)
            own = self._scorer.own_items(clicks)
            state = self._scorer.state(session.contexts, ends_with_own_item(clicks))
            return {**state, **_by_name(own, own.scores_alone()), "own_ids": ids}

        def without() -> Answer:
            none = tf.zeros([0, 0])
            own = OwnItems(tf.zeros([0, 0, 0], tf.int64), tf.zeros([0, 0, 0]), none)
            ids = tf.zeros([0, 0], tf.string)
            return {**self._scorer.state(session.contexts), **_by_name(own, none), "own_ids": ids}

        return tf.cond(self._has_own_items(session), with_own, without)

    def step_ranks(
        self, item_ids: tf.RaggedTensor, positions: tf.RaggedTensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Ranks the target of each step in the answer to its prefix.

        Args:
          item_ids: string `[sessions, (length)]`, without whitespace around them.
          positions: int64 of the same shape; -1 for unknown items.

        Returns:
          Conservative ranks, int64 `[steps]`, of all sessions in a row, and those in the answer to
          the prefix without its unknown items.
        """
        steps = self._scorer.steps(positions)
        clicks = clicks_before(item_ids, positions, self._scorer.max_context)
        codes = item_codes(item_ids)[:, 1:].flat_values
        has_own = tf.reduce_any(clicks.is_new, axis=1) & self._recommends_own_items
        own, without = tf.where(has_own)[:, 0], tf.where(~has_own)[:, 0]
        with_own = steps.take(own)
        among_own = self._scorer.ranks_among_own(with_own, clicks.take(own), tf.gather(codes, own))
        of_others = self._scorer.ranks(steps.take(without))
        places = [tf.cast(rows, tf.int32) for rows in (own, without)]
        # The first does not need the second, so that a caller of it alone does not pay for both.
        return (
            tf.dynamic_stitch(places, [among_own, of_others]),
            tf.dynamic_stitch(places, [self._scorer.ranks(with_own), of_others]),
        )

    def _has_own_items(self, session: Session) -> tf.Tensor:
        """Returns whether any session of the batch has an own item to answer, bool scalar."""
        is_unknown = (session.positions < 0) & (session.item_ids != "")
        return tf.reduce_any(is_unknown) & self._recommends_own_items

    def _latest_clicks(self, session: Session) -> tuple[Clicks, tf.Tensor]:
        return latest_clicks(session.item_ids, session.positions, self._scorer.max_context)

    def _best_with_own(self, session: Session, plain: tf.Tensor) -> Answer:
        """Returns the best items of catalogue and session; `plain` are the former's scores."""
        clicks, ids = self._latest_clicks(session)
        answer = self._best(session, plain, ends_with_own_item(clicks))
        own_scores = self._own_scores(session, clicks, plain)
        return with_own_items(answer, own_scores, ids)

    def _own_scores(self, session: Session, clicks: Clicks, plain: tf.Tensor) -> tf.Tensor:
        """Returns the scores of own items, float32 `[batch, clicks]`; -inf where none is."""
        own = self._scorer.own_items(clicks)
        beside = tf.gather(plain, own.neighbors, batch_dims=1)
        return own.scores(beside, session.has_items)

    def _best(self, session: Session, plain: tf.Tensor, is_over: tf.Tensor | None = None) -> Answer:
        """Returns the best items of the catalogue."""
        k = self._popular.shape[0]
        scores, top = self._scorer.top(plain, session.contexts, k, is_over)
        # Without items, items rank by popularity, which is the catalogue's order.
        popular = self._popular.read_value()
        by_popularity = tf.where(popular >= 0, -tf.cast(popular, tf.float32), -float("inf"))
        top = tf.where(session.has_items, top, tf.maximum(popular, 0))
        scores = tf.where(session.has_items, scores, by_popularity)
        return self._answer(top, scores)

    def _filtered_with_own(
        self, session: Session, plain: tf.Tensor, filters: Filters, k: tf.Tensor
    ) -> Answer:
        """Returns the best items of catalogue and session under filters."""
        clicks, ids = self._latest_clicks(session)
        own_scores = self._own_scores(session, clicks, plain)
        first = self._index.width

        def columns(item_ids: tf.Tensor) -> tf.Tensor:
            own = own_columns(item_ids, ids)
            return tf.where(own >= 0, first + own, self._catalogue_positions(item_ids))

        scores = self._scores(session, plain, ends_with_own_item(clicks))
        scores = tf.concat([scores, own_scores], axis=1)
        scores = filters.applied(scores, session.item_ids, columns)
        top_scores, top = self._index.top(scores[:, :first], k)
        return with_own_items(self._answer(top, top_scores), scores[:, first:], ids)

    def _filtered(
        self, session: Session, plain: tf.Tensor, filters: Filters, k: tf.Tensor
    ) -> Answer:
        """Returns the best items of the catalogue under filters."""
        scores = self._scores(session, plain)
        scores = filters.applied(scores, session.item_ids, self._catalogue_positions)
        top_scores, top = self._index.top(scores, k)
        return self._answer(top, top_scores)

    def _scores(
        self, session: Session, plain: tf.Tensor, is_over: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the scores of the catalogue, float32 `[batch, index.width]`."""
        popularity = -tf.cast(tf.range(self._index.width), tf.float32)
        return tf.where(
            session.has_items,
            self._scorer.scores(plain, session.contexts, is_over),
            self._index.mask_withdrawn(popularity),
        )

    def _catalogue_positions(self, bare: tf.Tensor) -> tf.Tensor:
        return self._items.in_catalogue(self._items.positions_of_bare(bare))

    def _answer(self, positions: tf.Tensor, scores: tf.Tensor) -> Answer:
        """Returns ids and scores, both `[batch, k]`; the id is '' where the score is -inf."""
        item_ids = tf.where(scores > -float("inf"), self._items.item_ids(positions), "")
        return {"item_ids": item_ids, "scores": scores}


def _by_name(own: OwnItems, alone: tf.Tensor) -> Answer:
    parts = {f"own_{name}": values for name, values in own._asdict().items()}
    return {**parts, "own_alone": alone}
