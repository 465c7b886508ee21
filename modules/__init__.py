"""Product code: the pure functions and what TFX loads (preprocessing_fn, run_fn).

TensorFlow Recommenders is written for Keras 2, so the switch below must be set before the first
access to `tf.keras`, in every process: Beam workers import this package too.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
