"""LazyAdam against Keras's Adam, and its rule for rows by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.model.lazy_adam import LazyAdam

ADAM = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-7}


def _variable() -> tf.Variable:
    return tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def _after(optimizer: tf.keras.optimizers.Optimizer, *gradients: object) -> np.ndarray:
    variable = _variable()
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
    optimizer.finalize_variable_values([variable])
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


@pytest.mark.parametrize("steps", [0, 1, 19, 20, 21, 50])
def test_averages_of_dense_gradients_are_kerass(steps: int) -> None:
    """Also after the factor of the lags fell below its least value: 0.5 to the 20th."""
    gradients = [tf.reshape(tf.range(6.0), [3, 2]) * (-1) ** (step // 3) for step in range(steps)]
    averaged = {**ADAM, "use_ema": True, "ema_momentum": 0.5}
    np.testing.assert_allclose(
        _after(LazyAdam(**averaged), *gradients),
        _after(tf.keras.optimizers.Adam(**averaged), *gradients),
        rtol=1e-6,
    )


@pytest.mark.parametrize("momentum", [0.01, 0.5, 0.98])
def test_averages_of_rows_are_those_of_the_weights_after_every_step(momentum: float) -> None:
    draw = np.random.default_rng(3)
    gradients = [_rows(*map(int, draw.integers(0, 3, draw.integers(1, 3)))) for _ in range(60)]
    plain, variable = LazyAdam(**ADAM), _variable()
    plain.build([variable])
    expected = variable.numpy().astype(np.float64)
    for gradient in gradients:
        plain.apply_gradients([(gradient, variable)])
        expected = momentum * expected + (1 - momentum) * variable.numpy()
    found = _after(LazyAdam(**ADAM, use_ema=True, ema_momentum=momentum), *gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_training_goes_on_as_without_averages() -> None:
    gradients = [_rows(2, 0), _rows(1), _rows(0, 1)]
    averaging, variable = LazyAdam(**ADAM, use_ema=True), _variable()
    averaging.build([variable])
    for gradient in gradients:
        averaging.apply_gradients([(gradient, variable)])
    np.testing.assert_array_equal(variable.numpy(), _after(LazyAdam(**ADAM), *gradients))
