"""Two serving scalars: what the current item loses, and what items seen before it gain.

`adjust_scores` is the rule. Two forms of it are faster, and tests hold them equal to it:
`exact_index.ExactIndex.top` changes no copy of the scores, and
`modules.training.score_adjustment_search` ranks under a grid of values.

The query tower learns that shoppers return to what they saw, but in a dot product the item on the
screen and those before it look much alike. Two numbers that are added to the scores of session
items, chosen on split eval, tell them apart: +.05 MRR@20 on RetailRocket, where the current item is
seldom the answer. On Yoochoose, where it often is, it is boosted.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from modules.data.vocabulary import NO_ITEM
from modules.serving.scatter import batch_scatter_update


class SessionAdjustments(NamedTuple):
    """What is added to the scores of items in the context.

    Attributes:
      current_item_penalty: subtracted from the score of the latest item; below 0 it is boosted.
      earlier_item_boost: added to every other item's score, once however often it occurs.
    """

    current_item_penalty: float = 0.0
    earlier_item_boost: float = 0.0


NO_CHANGE = SessionAdjustments()


def adjust_scores(scores: tf.Tensor, context: tf.Tensor, seen: SessionAdjustments) -> tf.Tensor:
    """Puts the scalars on the scores of context items.

    Args:
      scores: float32 `[rows, positions]`.
      context: positions, int `[rows, length]`, right-padded with -1. Of a row without any item the
        first candidate's score may change.
      seen: the scalars.

    Returns:
      float32 of the shape of `scores`.
    """
    if seen == NO_CHANGE:
        return scores
    positions, bonus = seen_bonus(context, seen)
    positions = tf.maximum(positions, 0)
    adjusted = tf.gather(scores, positions, axis=1, batch_dims=1) + bonus
    return batch_scatter_update(scores, positions, adjusted)


def seen_bonus(context: tf.Tensor, seen: SessionAdjustments) -> tuple[tf.Tensor, tf.Tensor]:
    """Tells what is added to the score of which items.

    Args:
      context: positions, int `[rows, length]`, right-padded with -1.
      seen: the scalars.

    Returns:
      Positions of context's shape and type, in which the current item stands in place of padding
      (writing the same score twice changes nothing); -1 in a row without any item. And what is
      added to each, float32 of the same shape.
    """
    last = tf.math.count_nonzero(context != NO_ITEM, axis=1, dtype=tf.int32) - 1
    current = tf.gather(context, tf.maximum(last, 0), axis=1, batch_dims=1)[:, None]
    positions = tf.where(context == NO_ITEM, current, context)
    bonus = tf.where(positions == current, -seen.current_item_penalty, seen.earlier_item_boost)
    return positions, bonus
