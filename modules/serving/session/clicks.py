"""The latest clicks of a session, unknown items among them."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.serving.contexts import latest_before, latest_kept, running_count


class Clicks(NamedTuple):
    """The latest clicks of sessions, right-padded.

    Attributes:
      positions: int64 `[rows, clicks]`; -1 for unknown items and padding.
      codes: int64 `[rows, clicks]`: equal numbers, not below 0, for equal item ids; -1 is padding.
    """

    positions: tf.Tensor
    codes: tf.Tensor

    def take(self, rows: tf.Tensor) -> Clicks:
        """Returns some of the rows."""
        return Clicks(tf.gather(self.positions, rows), tf.gather(self.codes, rows))

    @property
    def is_new(self) -> tf.Tensor:
        """Which clicks are the latest of an item that the model does not know, bool."""
        return (self.positions < 0) & (self.codes >= 0) & _is_last_of_code(self.codes)

    @property
    def age(self) -> tf.Tensor:
        """Clicks since each one, int64 `[rows, clicks]`; below 0 at padding."""
        length = tf.math.count_nonzero(self.codes >= 0, axis=1, keepdims=True)
        return length - 1 - tf.range(tf.shape(self.codes, tf.int64)[1])


def latest_clicks(item_ids: tf.Tensor, positions: tf.Tensor, most: int) -> tuple[Clicks, tf.Tensor]:
    """Returns the latest clicks of sessions.

    Args:
      item_ids: string `[batch, length]` in time order, '' is padding.
      positions: int64 of the same shape; -1 for unknown items.
      most: maximum number of clicks of a session.

    Returns:
      The clicks, and the ids of those of `is_new`, string `[batch, clicks]`, '' for others.
    """
    shape = tf.shape(item_ids, tf.int64)
    column = tf.broadcast_to(tf.range(shape[1]), shape)
    column = latest_kept(column, item_ids != "", most)
    exists, column = column != NO_ITEM, tf.maximum(column, 0)
    # One column more, so that a batch without any has one to look up.
    kept = tf.where(exists, tf.gather(_padded(item_ids, ""), column, batch_dims=1), "")
    places = tf.gather(_padded(positions, NO_ITEM), column, batch_dims=1)
    codes = tf.reshape(tf.unique(tf.reshape(kept, [-1]), tf.int64).idx, tf.shape(kept))
    clicks = Clicks(tf.where(exists, places, NO_ITEM), tf.where(exists, codes, NO_ITEM))
    return clicks, tf.where(clicks.is_new, kept, "")


def clicks_before(item_ids: tf.RaggedTensor, positions: tf.RaggedTensor, most: int) -> Clicks:
    """Returns the latest clicks before each event of sessions but the first.

    Args:
      item_ids: string `[sessions, (length)]` in time order; '' is no click.
      positions: int64 of the same shape; -1 for unknown items.
      most: maximum number of clicks before an event.

    Returns:
      A row for each event, session after session.
    """
    is_click = item_ids != ""
    count = running_count(is_click)[:, :-1]
    longest = tf.reduce_max(tf.concat([[1], count.flat_values], 0))
    width = tf.minimum(longest, most)
    both = (positions, item_codes(item_ids))
    return Clicks(
        *(
            latest_before(
                tf.ragged.boolean_mask(values, is_click),
                count.value_rowids(),
                count.flat_values,
                width,
            )
            for values in both
        )
    )


def item_codes(item_ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns numbers that are equal for equal ids, int64 of the same shape."""
    return item_ids.with_flat_values(tf.unique(item_ids.flat_values, tf.int64).idx)


def _padded(values: tf.Tensor, padding: str | int) -> tf.Tensor:
    return tf.pad(values, [[0, 0], [0, 1]], constant_values=padding)


def _is_last_of_code(codes: tf.Tensor) -> tf.Tensor:
    """Returns which codes occur no more later in their row, bool; arbitrary at padding.

    By sorting: sessions may be too long for a comparison of all pairs.
    """
    shape = tf.shape(codes, tf.int64)
    width = tf.maximum(shape[1], 1)
    column = tf.broadcast_to(tf.range(shape[1]), shape)
    ordered = tf.sort(codes * width + column, axis=1)
    code = ordered // width
    is_last = tf.concat([code[:, 1:] != code[:, :-1], tf.fill([shape[0], 1], True)], axis=1)
    row = tf.broadcast_to(tf.range(shape[0])[:, None], shape)
    cells = tf.stack([row, ordered % width], axis=2)
    is_last = is_last[:, : shape[1]]
    return tf.scatter_nd(cells, tf.cast(is_last, tf.int32), shape) > 0
