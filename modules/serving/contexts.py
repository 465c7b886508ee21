"""The context of the query tower: a session's latest catalogue items, right-padded."""

from __future__ import annotations

import tensorflow as tf

from modules.data.item_indices import NO_ITEM


def latest_right_padded(positions: tf.RaggedTensor, max_context: int) -> tf.Tensor:
    """Truncates sessions to their latest items and pads them on the right.

    Args:
      positions: int64 `[batch, (length)]`.
      max_context: maximum number of items.

    Returns:
      int64 `[batch, longest]`, right-padded with -1; longest is at least 1 and at most
      `max_context`.
    """
    latest = positions[:, -max_context:]
    padded = latest.to_tensor(NO_ITEM)
    # An all-empty batch keeps one column: a GRU needs at least one step.
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing]], constant_values=NO_ITEM)


def latest_before(
    values: tf.RaggedTensor, session: tf.Tensor, count: tf.Tensor, most: int | tf.Tensor
) -> tf.Tensor:
    """Returns the latest values of prefixes, right-padded.

    Args:
      values: int64 `[sessions, (length)]`.
      session: session of each prefix, int64 `[prefixes]`.
      count: values in each prefix, int64 `[prefixes]`.
      most: maximum number of values, the width of the result.

    Returns:
      int64 `[prefixes, most]`, right-padded with -1.
    """
    columns = tf.range(tf.cast(most, tf.int64))
    length = tf.minimum(count, most)
    start = tf.gather(values.row_starts(), session) + count - length
    exists = columns < length[:, None]
    places = tf.where(exists, start[:, None] + columns, 0)
    # One value more, so that a batch without any has one to look up.
    flat = tf.pad(values.flat_values, [[0, 1]])
    return tf.where(exists, tf.gather(flat, places), NO_ITEM)


def running_count(flags: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the running count of set flags in each row, int64 of the same shape."""
    running = tf.cumsum(tf.cast(flags.flat_values, tf.int64))
    before_row = tf.gather(tf.concat([[0], running], 0), flags.row_starts())
    return flags.with_flat_values(running - tf.gather(before_row, flags.value_rowids()))


def latest_kept(positions: tf.Tensor, keep: tf.Tensor, max_context: int) -> tf.Tensor:
    """Drops items, truncates sessions to their latest ones and pads them on the right.

    Equal to `latest_right_padded` of the kept items, with a third of the operations: their number
    determines the latency of a single session.

    Args:
      positions: int64 `[batch, length]`.
      keep: bool of the same shape.
      max_context: maximum number of items.

    Returns:
      As `latest_right_padded`.
    """
    from_end = tf.cumsum(tf.cast(keep, tf.int64), axis=1, reverse=True)
    kept = tf.minimum(tf.math.count_nonzero(keep, axis=1), max_context)
    cells = tf.where(keep & (from_end <= max_context))
    column = tf.gather(kept, cells[:, 0]) - tf.gather_nd(from_end, cells)
    longest = tf.maximum(tf.reduce_max(kept), 1)
    padding = tf.fill(tf.stack([tf.shape(keep, tf.int64)[0], longest]), tf.cast(NO_ITEM, tf.int64))
    places = tf.stack([cells[:, 0], column], axis=1)
    return tf.tensor_scatter_nd_update(padding, places, tf.gather_nd(positions, cells))
