"""Sessions in serialized tf.Examples, as the exported models read them."""

from __future__ import annotations

import tensorflow as tf

SESSION_FEATURE = "item_ids"


def parse_sessions(examples: tf.Tensor) -> tf.RaggedTensor:
    """Returns the raw item ids in serialized tf.Examples, string `[batch, (length)]`."""
    spec = {SESSION_FEATURE: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)}
    return tf.io.parse_example(examples, spec)[SESSION_FEATURE]
