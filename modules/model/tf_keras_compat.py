"""Keeps AutoGraph away from tf_keras's own code."""

from __future__ import annotations

from tensorflow.python.autograph.core import config


def exempt_keras_from_autograph() -> None:
    """Tells AutoGraph not to convert tf_keras, as it does for keras.

    TF 2.16 exempts only the package `keras`, and converting tf_keras costs more than the training
    of a small model: Trainer 21 s -> 8 s of CPU time. Later versions have the rule; there it is
    put in once more, to no effect.
    """
    rule = config.DoNotConvert("tf_keras")
    if rule not in config.CONVERSION_RULES:
        config.CONVERSION_RULES = (rule, *config.CONVERSION_RULES)
