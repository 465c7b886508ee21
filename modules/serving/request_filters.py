"""The filters of a single request: excluded and allowed items, and items of the session.

They change scores before the best items are selected, so excluding items shortens no answer while
the catalogue has others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

KEEP, DEMOTE, DROP = "keep", "demote", "drop"
SESSION_ITEMS = (KEEP, DEMOTE, DROP)


def check_request(k: tf.Tensor, session_items: tf.Tensor) -> list[tf.Operation]:
    """Returns assertions for the graph that fail on an invalid request.

    Args:
      k: int32 scalar, at least 1.
      session_items: string scalar, one of `keep`, `demote` and `drop`.
    """
    names = ", ".join(SESSION_ITEMS)
    return [
        tf.debugging.assert_positive(k, "k must be at least 1"),
        tf.debugging.Assert(
            tf.reduce_any(session_items == tf.constant(SESSION_ITEMS)),
            [f"session_items must be one of {names}, got", session_items],
        ),
    ]


class Filters(NamedTuple):
    """The filters of a batch of requests; ids are without whitespace around them.

    Attributes:
      exclude: ids not to recommend, string `[batch, any]`, '' is padding.
      allow: the only ids to recommend, likewise; a row without any id allows all.
      session_items: string scalar, as in `apply_rules`.
    """

    exclude: tf.Tensor
    allow: tf.Tensor
    session_items: tf.Tensor

    def applied(
        self,
        scores: tf.Tensor,
        session: tf.Tensor,
        positions: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        """Returns `apply_rules` of scores.

        Args:
          scores: float32 `[batch, positions]`.
          session: ids of the session's items, string `[batch, length]`.
          positions: maps ids to positions, int64 of the same shape; -1 for none.
        """
        return apply_rules(
            scores,
            positions(session),
            positions(self.exclude),
            positions(self.allow),
            tf.reduce_any(self.allow != "", axis=1),
            self.session_items,
        )


def apply_rules(
    scores: tf.Tensor,
    session: tf.Tensor,
    exclude: tf.Tensor,
    allow: tf.Tensor,
    allow_given: tf.Tensor,
    session_items: tf.Tensor,
) -> tf.Tensor:
    """Sets scores of filtered items to -inf, and demotes items of the session on request.

    Args:
      scores: float32 `[batch, positions]`.
      session: positions of the session's items, int64 `[batch, length]`, -1 for none.
      exclude: positions to exclude, int64 `[batch, any]`, -1 for none.
      allow: positions to allow, int64 `[batch, any]`, -1 for none.
      allow_given: whether to apply `allow`, bool `[batch]`.
      session_items: string scalar. `keep` leaves the session's items unchanged, `demote` ranks them
        behind all others in their own order, `drop` excludes them.

    Returns:
      float32 of the shape of `scores`.
    """
    in_session = _marked(session, scores) & (session_items != KEEP)
    best = tf.reduce_max(scores, axis=1, keepdims=True)
    finite = tf.where(scores > -float("inf"), scores, best)  # a withdrawn item has no score
    span = best - tf.reduce_min(finite, axis=1, keepdims=True)
    demoted = tf.where(session_items == DEMOTE, scores - span - 1.0, -float("inf"))
    scores = tf.where(in_session, demoted, scores)
    allowed = _marked(allow, scores) | ~allow_given[:, None]
    excluded = _marked(exclude, scores)
    return tf.where(allowed & ~excluded, scores, -float("inf"))


def _marked(positions: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Returns which items a row holds, bool of the shape of `scores`; -1 is none."""
    is_item = tf.where(positions >= 0)
    cells = tf.stack([is_item[:, 0], tf.gather_nd(positions, is_item)], axis=1)
    ones = tf.ones([tf.shape(cells)[0]], tf.int32)
    return tf.scatter_nd(cells, ones, tf.shape(scores, tf.int64)) > 0
