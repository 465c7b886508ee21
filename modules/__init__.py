"""Product code: the pure functions and what TFX loads (preprocessing_fn, run_fn).

TensorFlow Recommenders is written for Keras 2, so the switch below must be set before the first
access to `tf.keras`, in every process: Beam workers import this package too. It is no default:
with Keras 3, which a shell may ask for on behalf of other projects, no model of ours can be made.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
