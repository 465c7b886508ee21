"""Spares graphs the conversion of Keras's own code, as Trainer does: a third of the tests' time."""

from modules.model.tf_keras_compat import exempt_keras_from_autograph

exempt_keras_from_autograph()
