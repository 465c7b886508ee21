"""The library, and the functions that TFX loads (preprocessing_fn, run_fn, tuner_fn).

TensorFlow Recommenders needs Keras 2, so this must be set before the first access to `tf.keras`, in
every process: Beam workers import this package too. A shell's own setting is overridden, since
Keras 3 cannot build our models.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
