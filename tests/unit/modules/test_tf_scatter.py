"""Single cells of rows are replaced."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.tf_scatter import batch_scatter_update


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(("rows", "width", "cells"), [(3, 7, 4), (1, 1, 1), (4, 5, 0), (0, 5, 2)])
def test_cells_are_replaced_as_in_numpy(dtype: tf.DType, rows: int, width: int, cells: int) -> None:
    random = np.random.default_rng(rows)
    values = random.normal(size=(rows, width)).astype(np.float32)
    columns = random.integers(0, width, (rows, cells))
    new = (100.0 + columns).astype(np.float32)  # the same for a repeated column
    expected = values.copy()
    np.put_along_axis(expected, columns, new, axis=1)

    found = batch_scatter_update(tf.constant(values), tf.constant(columns, dtype), tf.constant(new))

    np.testing.assert_array_equal(found, expected)


def test_a_column_beyond_the_rows_is_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        batch_scatter_update(tf.zeros([1, 3]), tf.constant([[3]]), tf.zeros([1, 1]))
