"""Session features in TensorFlow: the same functions serve Transform, training and serving."""

from __future__ import annotations

import tensorflow as tf

from modules.data.vocabulary import PADDING


def rows_of(sequences: tf.SparseTensor) -> tf.RaggedTensor:
    """Returns parsed variable-length features, `[batch, length]`, as ragged rows."""
    return tf.RaggedTensor.from_value_rowids(
        sequences.values,
        sequences.indices[:, 0],
        nrows=sequences.dense_shape[0],
        validate=False,
    )


def keep_items(sequences: tf.RaggedTensor, keep: tf.Tensor) -> tf.RaggedTensor:
    """Drops values from rows, as `tf.ragged.boolean_mask` does with a fifth of its operations.

    Args:
      sequences: `[batch, (length)]`.
      keep: bool, one for each of `sequences.values`.

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


def right_pad_to_multiple(sequences: tf.RaggedTensor, multiple: int) -> tf.RaggedTensor:
    """Appends padding to every row until its length is a multiple of `multiple`.

    Args:
      sequences: int64 `[batch, (length), ...]`.
      multiple: row lengths of the result are multiples of it; an empty row stays empty.

    Returns:
      int64 `[batch, (padded length), ...]`.
    """
    values, lengths = sequences.values, sequences.row_lengths()
    padded_lengths = lengths + tf.math.floormod(-lengths, multiple)
    padded_splits = tf.concat([tf.zeros([1], tf.int64), tf.cumsum(padded_lengths)], axis=0)
    # One scatter into zeros, which is what PADDING is: Transform traces this nine times, and ragged
    # concatenation has ten times the operations.
    position = tf.range(tf.shape(values, tf.int64)[0])
    row = tf.searchsorted(sequences.row_splits[1:], position, side="right")
    place = position + tf.gather(padded_splits[:-1] - sequences.row_splits[:-1], row)
    padded = tf.scatter_nd(place[:, None], values, [padded_splits[-1], *values.shape[1:]])
    return tf.RaggedTensor.from_row_splits(padded, padded_splits, validate=False)


def step_windows(
    item_index: tf.RaggedTensor, max_context: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Splits sessions into windows of contexts and per-step targets that cover every step.

    Step j has item j as its latest context item and item j + 1 as target; window k holds the
    steps k * max_context to (k + 1) * max_context - 1 and sees no item before them.

    Args:
      item_index: int64 `[batch, (length)]`, catalogue items only.
      max_context: steps in a window.

    Returns:
      context and target, each int64 `[batch, (windows * max_context)]`, windows one after the
      other, the last one right-padded. A session shorter than 2 has no window.
    """
    context, target = item_index[:, :-1], item_index[:, 1:]
    steps = context.with_values(tf.stack([context.values, target.values], axis=1))
    padded = right_pad_to_multiple(steps, max_context)
    return padded.with_values(padded.values[:, 0]), padded.with_values(padded.values[:, 1])


def last_step_window(
    item_index: tf.RaggedTensor, max_context: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Makes one window a session: its last item is the only target, the items before the context.

    Arguments and results are those of `step_windows`; the context is cut to its latest
    `max_context` items.
    """
    window = item_index[:, -(max_context + 1) :]
    context, target = window[:, :-1], window[:, 1:]
    steps_after = target.row_lengths()[:, None] - 1 - tf.ragged.range(target.row_lengths())
    is_last = tf.cast(tf.equal(steps_after, 0), target.dtype)
    return (
        right_pad_to_multiple(context, max_context),
        right_pad_to_multiple(target * is_last, max_context),
    )


def latest_right_padded(item_index: tf.RaggedTensor, max_context: int) -> tf.Tensor:
    """Cuts sessions to their latest items and pads them on the right.

    Args:
      item_index: int64 `[batch, (length)]`.
      max_context: most items kept.

    Returns:
      int64 `[batch, longest]`, where longest is at least 1 and at most `max_context`.
    """
    latest = item_index[:, -max_context:]
    padded = latest.to_tensor(PADDING)
    # An all-empty batch keeps one column: a GRU needs at least one step.
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing]], constant_values=PADDING)


def latest_kept(values: tf.Tensor, keep: tf.Tensor, max_context: int) -> tf.Tensor:
    """Drops values, cuts rows to their latest ones and pads them on the right.

    The same as `latest_right_padded` of the values that are kept, with a third of the operations:
    at serving time a single session takes as long as its operations are many.

    Args:
      values: int64 `[batch, length]`.
      keep: bool of the same shape.
      max_context: most values kept.

    Returns:
      int64 `[batch, longest]`, where longest is at least 1 and at most `max_context`.
    """
    from_end = tf.cumsum(tf.cast(keep, tf.int64), axis=1, reverse=True)
    kept = tf.minimum(tf.math.count_nonzero(keep, axis=1), max_context)
    cells = tf.where(keep & (from_end <= max_context))
    column = tf.gather(kept, cells[:, 0]) - tf.gather_nd(from_end, cells)
    longest = tf.maximum(tf.reduce_max(kept), 1)
    shape = tf.stack([tf.shape(values, tf.int64)[0], longest])
    places = tf.stack([cells[:, 0], column], axis=1)
    return tf.scatter_nd(places, tf.gather_nd(values, cells), shape)
