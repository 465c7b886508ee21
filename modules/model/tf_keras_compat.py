"""Exempts tf_keras's own code from AutoGraph."""

from __future__ import annotations

from tensorflow.python.autograph.core import config


def exempt_keras_from_autograph() -> None:
    """Makes AutoGraph leave tf_keras unconverted, as it does keras.

    TF 2.16 exempts only the package `keras`, and converting tf_keras takes longer than training a
    small model: Trainer 21 s -> 8 s of CPU time. Later versions have the rule, where this has no
    effect.
    """
    name = "tf_keras"
    if not any(rule.matches(name) for rule in config.CONVERSION_RULES):
        config.CONVERSION_RULES = (config.DoNotConvert(name), *config.CONVERSION_RULES)
