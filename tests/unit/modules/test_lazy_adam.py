"""LazyAdam against Keras's Adam, and its rule for rows by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.lazy_adam import LazyAdam

ADAM = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-7}


def _after(optimizer: tf.keras.optimizers.Optimizer, *gradients: object) -> np.ndarray:
    variable = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
    return variable.numpy()


def _rows(*rows: int) -> tf.IndexedSlices:
    values = tf.constant([[0.5 * row - 1.0, row + 1.0] for row in rows])
    return tf.IndexedSlices(values, tf.constant(rows), tf.constant([3, 2]))


def test_dense_gradients_are_adams() -> None:
    gradients = [tf.reshape(tf.range(6.0), [3, 2]) - 2, tf.ones([3, 2])]
    np.testing.assert_array_equal(
        _after(LazyAdam(**ADAM), *gradients), _after(tf.keras.optimizers.Adam(**ADAM), *gradients)
    )


def test_rows_of_every_step_are_adams() -> None:
    """Also rows that occur twice in a batch."""
    gradients = [_rows(2, 0, 1), _rows(0, 1, 1, 2), _rows(1, 0, 2)]
    found = _after(LazyAdam(**ADAM), *gradients)
    expected = _after(tf.keras.optimizers.Adam(**ADAM), *gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_row_stands_still_until_it_is_used_again() -> None:
    """By hand for gradient 1 at steps 1 and 3: moments of two uses, corrections of three steps."""
    one = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0]), tf.constant([3, 2]))
    once = _after(LazyAdam(**ADAM), one)
    stood = _after(LazyAdam(**ADAM), one, _rows(1, 2))
    twice = _after(LazyAdam(**ADAM), one, _rows(1, 2), one)

    assert once[0] == pytest.approx([0.9, 1.9])
    np.testing.assert_array_equal(stood[0], once[0])
    first, second = 0.75, 1 - 0.75**2
    change = 0.1 * (first / (1 - 0.5**3)) / np.sqrt(second / (1 - 0.75**3))
    assert twice[0] == pytest.approx([0.9 - change, 1.9 - change])
