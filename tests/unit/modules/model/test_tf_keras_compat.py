"""AutoGraph leaves tf_keras alone, and still converts other code."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.autograph.core import config
from tensorflow.python.autograph.impl import conversion

from modules.model.tf_keras_compat import exempt_keras_from_autograph


def test_keras_is_not_converted() -> None:
    exempt_keras_from_autograph()
    assert conversion.is_allowlisted(tf.keras.layers.Dense(1).call)


def test_one_rule_is_enough_however_often_models_are_trained() -> None:
    exempt_keras_from_autograph()
    rules = config.CONVERSION_RULES
    exempt_keras_from_autograph()
    assert config.CONVERSION_RULES == rules


def test_other_functions_are_still_converted() -> None:
    exempt_keras_from_autograph()

    @tf.function
    def count_positive(values: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0)
        for value in values:  # a loop of the graph
            if value > 0:
                total += 1
        return total

    assert int(count_positive(tf.constant([3, -1, 2]))) == 2
