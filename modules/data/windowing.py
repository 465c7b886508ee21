"""Cuts sessions into windows of item indices, in TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from modules.data.item_indices import PADDING

FEATURE = "window_item_index"
"""Name of the feature that Transform writes and training reads."""
WEIGHT_FEATURE = "window_weight"
"""Name of the feature with the weights of the windows' items, if events have weights."""


def rows_of(sequences: tf.SparseTensor) -> tf.RaggedTensor:
    """Returns parsed variable-length features, `[batch, length]`, as ragged rows."""
    return tf.RaggedTensor.from_value_rowids(
        sequences.values,
        sequences.indices[:, 0],
        nrows=sequences.dense_shape[0],
        validate=False,
    )


def keep_values(sequences: tf.RaggedTensor, keep: tf.Tensor) -> tf.RaggedTensor:
    """Drops values from rows, with a fifth of the operations of `tf.ragged.boolean_mask`.

    Args:
      sequences: `[batch, (length)]`.
      keep: bool, one per value of `sequences`.

    Returns:
      `[batch, (kept length)]`.
    """
    kept_before = tf.cumsum(tf.cast(keep, tf.int64))
    kept_before = tf.concat([tf.zeros([1], tf.int64), kept_before], axis=0)
    return tf.RaggedTensor.from_row_splits(
        tf.gather(sequences.values, tf.where(keep)[:, 0]),
        tf.gather(kept_before, sequences.row_splits),
        validate=False,
    )


def step_windows(item_index: tf.RaggedTensor, max_context: int) -> tf.RaggedTensor:
    """Cuts sessions into windows that cover every step, from an item to the next one.

    Window k has the steps k * max_context to (k + 1) * max_context - 1; it begins with the last
    item of the previous window.

    Args:
      item_index: int64 `[batch, (length)]`, catalogue items only; or their weights, float32.
      max_context: number of steps in a window, one less than its items.

    Returns:
      The same type, `[batch, (windows * (max_context + 1))]`, the last window right-padded with 0.
      A session shorter than 2 has no window.
    """
    steps = tf.maximum(item_index.row_lengths() - 1, 0)
    return _windows_from(item_index, tf.ragged.range(0, steps, max_context), max_context)


def last_step_window(item_index: tf.RaggedTensor, max_context: int) -> tf.RaggedTensor:
    """Returns one window of a session's latest items; see `step_windows`."""
    lengths = item_index.row_lengths()
    has_step = lengths > 1
    first = tf.boolean_mask(tf.maximum(lengths - max_context - 1, 0), has_step)
    first = tf.RaggedTensor.from_row_lengths(first, tf.cast(has_step, tf.int64), validate=False)
    return _windows_from(item_index, first, max_context)


def _windows_from(
    item_index: tf.RaggedTensor, first: tf.RaggedTensor, max_context: int
) -> tf.RaggedTensor:
    """Cuts the windows that begin at `first` in their session, `[batch, (windows)]`."""
    session, width = first.value_rowids(), max_context + 1
    start = tf.gather(item_index.row_starts(), session) + first.values
    place = start[:, None] + tf.range(width, dtype=tf.int64)
    is_item = place < tf.gather(item_index.row_limits(), session)[:, None]
    items = tf.gather(item_index.values, tf.where(is_item, place, 0))
    windows = tf.reshape(tf.where(is_item, items, tf.constant(PADDING, items.dtype)), [-1])
    return tf.RaggedTensor.from_row_splits(windows, first.row_splits * width, validate=False)
