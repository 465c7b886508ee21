"""Chooses Keras 2 for all tests: `modules` must come before the first import of TensorFlow."""

import modules  # noqa: F401
