"""Writing into single cells of rows."""

from __future__ import annotations

import tensorflow as tf


def batch_scatter_update(values: tf.Tensor, columns: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Returns values of which some are replaced.

    Args:
      values: `[rows, all]`.
      columns: where cells go in their row, int `[rows, any]`; where one occurs twice, the same cell
        must be given.
      cells: `[rows, any]`, of the values' type.
    """
    rows = tf.range(tf.shape(columns)[0], dtype=columns.dtype)[:, None]
    places = tf.stack([tf.broadcast_to(rows, tf.shape(columns)), columns], axis=2)
    return tf.tensor_scatter_nd_update(values, places, cells)
