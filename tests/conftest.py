"""Chooses Keras 2 for all tests: `modules` must come before the first import of TensorFlow."""

import os

import modules  # noqa: F401

# Tests start servers on this machine, and ask them with urllib and curl.
for name in ("no_proxy", "NO_PROXY"):
    others = os.environ.get(name)
    os.environ[name] = ",".join([*([others] if others else []), "localhost", "127.0.0.1", "::1"])
