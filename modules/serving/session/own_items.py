"""Scores of own items: items of a session that the model does not know.

Shoppers return to what they saw, be it new or not. An own item has no vector, so it is given the
mean of the vectors of the catalogue's items that were clicked within `REACH` clicks before or after
it, weighted by 1 / clicks between. As scores are dot products, its score is that mean of their
scores. To it comes what all items of a session are adjusted by. So that none tie, of own items with
equal means the one clicked later is better, and a known item with that score better still.

In a session without an item of the catalogue there is no mean: own items come in the order of their
adjustments, before the popular items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.serving.score_adjustments import SessionAdjustments
from modules.serving.session.clicks import Clicks

REACH = 5
"""Most clicks between an own item and an item that its vector is made of."""
# What each click from an own item on costs: less than scores differ by, more than their rounding.
_PER_CLICK = 1e-3
_DISTANCES = [*range(-REACH, 0), *range(1, REACH + 1)]


class OwnItems(NamedTuple):
    """The own items of sessions, each at its last click.

    Attributes:
      neighbors: positions of items around, int64 `[rows, clicks, 2 * REACH]`; 0 where none is.
      weights: their weights in the mean, float32 of the same shape; 0 where none is.
      bonus: what is added to the mean, float32 `[rows, clicks]`; -inf where no own item is.
    """

    neighbors: tf.Tensor
    weights: tf.Tensor
    bonus: tf.Tensor

    def take(self, rows: tf.Tensor) -> OwnItems:
        """Returns some of the rows."""
        return OwnItems(*(tf.gather(values, rows) for values in self))

    def scores(self, beside: tf.Tensor, has_items: tf.Tensor) -> tf.Tensor:
        """Returns the scores, float32 `[rows, clicks]`; -inf where there is no own item.

        Args:
          beside: scores of `neighbors` without adjustments, float32 of their shape.
          has_items: whether the session has an item of the catalogue, bool `[rows, 1]`.
        """
        mean = tf.reduce_sum(tf.math.multiply_no_nan(beside, self.weights), axis=2)
        return tf.where(has_items, mean + self.bonus, self.scores_alone())

    def scores_alone(self) -> tf.Tensor:
        """Returns the scores in sessions without an item of the catalogue, `[rows, clicks]`.

        Popular items score minus their position, so n own items score n to 1.
        """
        is_item = self.bonus > -np.inf
        missing = tf.math.count_nonzero(~is_item, axis=1, keepdims=True, dtype=tf.int32)
        place = tf.argsort(tf.argsort(self.bonus, axis=1), axis=1)
        return tf.where(is_item, tf.cast(place - missing + 1, tf.float32), -np.inf)


def own_items(clicks: Clicks, catalogue_size: tf.Tensor, seen: SessionAdjustments) -> OwnItems:
    """Returns the own items of sessions.

    Args:
      clicks: latest clicks of the sessions.
      catalogue_size: number of items that have a vector, int64 scalar.
      seen: score adjustments of the session's items.
    """
    beside = beside_each(clicks.positions, NO_ITEM)
    has_vector = (beside >= 0) & (beside < catalogue_size)
    weights = tf.where(has_vector, tf.constant([1 / abs(distance) for distance in _DISTANCES]), 0.0)
    total = tf.reduce_sum(weights, axis=2, keepdims=True)
    age = clicks.age
    bonus = tf.where(age == 0, -seen.current_item_penalty, seen.earlier_item_boost)
    bonus -= _PER_CLICK * tf.cast(age + 1, tf.float32)
    return OwnItems(
        neighbors=tf.where(has_vector, beside, 0),
        weights=tf.math.divide_no_nan(weights, total),
        bonus=tf.where(clicks.is_new, bonus, -np.inf),
    )


def beside_each(of_clicks: tf.Tensor, none: float) -> tf.Tensor:
    """Returns what is around each click, in the order of `OwnItems.neighbors`.

    Args:
      of_clicks: something of clicks, `[rows, clicks]`.
      none: in place of what would be before the first click, or behind the last one.

    Returns:
      `[rows, clicks, 2 * REACH]`, of the same type.
    """
    width = tf.shape(of_clicks)[1]
    places = tf.range(width)[:, None] + tf.constant(_DISTANCES)
    is_place = (places >= 0) & (places < width)
    found = tf.gather(of_clicks, tf.where(is_place, places, 0), axis=1)
    return tf.where(is_place, found, tf.cast(none, found.dtype))


def ends_with_own_item(clicks: Clicks) -> tf.Tensor:
    """Returns whether the latest click of each session is of an own item, bool `[rows]`."""
    return tf.reduce_any((clicks.age == 0) & (clicks.positions == NO_ITEM), axis=1)


def with_own_items(
    answer: Mapping[str, tf.Tensor], own_scores: tf.Tensor, own_ids: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the best of the catalogue's items and the own ones, as many as the former.

    Of equal ones, those of the catalogue come first.

    Args:
      answer: `item_ids`, string `[batch, k]`, and `scores`, float32 of that shape, best first.
      own_scores: float32 `[batch, clicks]`; -inf for no item.
      own_ids: string of the same shape; '' for no item.
    """
    ids = tf.concat([answer["item_ids"], own_ids], 1)
    scores = tf.concat([answer["scores"], own_scores], 1)
    scores, place = tf.math.top_k(scores, tf.shape(answer["scores"])[1])
    return {"item_ids": tf.gather(ids, place, batch_dims=1), "scores": scores}


def own_columns(item_ids: tf.Tensor, own_ids: tf.Tensor) -> tf.Tensor:
    """Returns the columns in which ids are, int64 of their shape `[batch, any]`; -1 for none.

    Args:
      item_ids: string `[batch, any]`; '' is none.
      own_ids: string `[batch, clicks]`, each id once; '' is none.
    """
    is_same = (item_ids[:, :, None] == own_ids[:, None, :]) & (item_ids != "")[:, :, None]
    columns = tf.range(tf.shape(own_ids, tf.int64)[1])
    none = tf.constant(NO_ITEM, tf.int64)
    found = tf.reduce_max(tf.where(is_same, columns, none), axis=2)
    return tf.maximum(found, none)  # of no column, the maximum is the least number
