"""Updates single cells of rows."""

from __future__ import annotations

import tensorflow as tf


def batch_scatter_update(values: tf.Tensor, columns: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Returns values with some cells of each row replaced.

    Args:
      values: `[rows, all]`.
      columns: columns of the cells, int `[rows, any]`; repeated ones must have equal cells.
      cells: new values, `[rows, any]`, of the same type.
    """
    rows = tf.range(tf.shape(columns)[0], dtype=columns.dtype)[:, None]
    places = tf.stack([tf.broadcast_to(rows, tf.shape(columns)), columns], axis=2)
    return tf.tensor_scatter_nd_update(values, places, cells)
