"""A model of a few kilobytes with the signatures of an exported one, and its evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from modules.evaluation import metrics
from modules.evaluation.ranks import UNRANKED

EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
PREFIXES = [tf.TensorSpec([None, None], tf.string, name="item_ids")]


class MatrixModel(tf.Module):
    """Scores the next item by the current one: a row of a matrix, row 0 for an unknown item.

    A target that cannot be recommended has rank `unranked`; |catalogue| + 1 in earlier versions.
    """

    def __init__(
        self,
        scores: np.ndarray,
        counts: np.ndarray,
        unranked: int = UNRANKED,
        ids: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.items = scores.shape[1]
        self.unranked = unranked
        self.scores = tf.Variable(scores, dtype=tf.float32, trainable=False)
        self.counts = tf.constant(counts[: self.items], tf.int64)
        self.ids = tf.constant(ids or [f"i{index}" for index in range(self.items)])
        positions = tf.range(self.items, dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(self.ids, positions), default_value=-1
        )

    @tf.function(input_signature=EXAMPLES)
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"item_ids": tf.io.RaggedFeature(tf.string)})
        items = parsed["item_ids"].to_tensor("")
        index, exists = self.table.lookup(items), items[:, 1:] != ""
        prefix, target = index[:, :-1], index[:, 1:]
        scores = tf.gather(self.scores, prefix + 1)
        of_target = tf.gather(scores, tf.maximum(target, 0), batch_dims=2)
        below = tf.reduce_sum(tf.cast(scores < of_target[..., None], tf.int64), -1)
        rank = tf.where(target >= 0, self.items - below, self.unranked)
        length = tf.cumsum(tf.cast(prefix >= 0, tf.int64), axis=1)
        count = tf.where(target >= 0, tf.gather(self.counts, tf.maximum(target, 0)), 0)
        known = exists & (target >= 0) & (length > 0)
        return {
            "rank": tf.where(exists, rank, 0),
            "known": tf.cast(known, tf.int64),
            "context_length": tf.where(exists, length, 0),
            "target_count": tf.where(exists, count, 0),
        }

    @tf.function(input_signature=PREFIXES)
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        length = tf.reduce_sum(tf.cast(item_ids != "", tf.int64), axis=1)
        latest = tf.gather(self.table.lookup(item_ids), length - 1, batch_dims=1)
        scores, top = tf.math.top_k(tf.gather(self.scores, latest + 1), min(30, self.items))
        return {"item_ids": tf.gather(self.ids, top), "scores": scores}


def save_model(model: MatrixModel, uri: str) -> None:
    """Saves a model where TFX looks for one below an artifact's folder."""
    signatures = {"evaluate": model.evaluate, "recommend": model.recommend}
    tf.saved_model.save(model, f"{uri}/Format-Serving", signatures=signatures)


def write_evaluation(
    model_uri: str, examples_uri: str, split: str, uri: str, off_by: float = 0.0
) -> None:
    """Writes the metrics of a saved model as TFMA does, one of them wrong by `off_by`."""
    evaluate = tf.saved_model.load(f"{model_uri}/Format-Serving").signatures["evaluate"]
    files = [f"{examples_uri}/Split-{split}/data.gz"]
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    outputs = evaluate(examples=tf.constant(records, tf.string)) if records else None
    values = metrics.metrics_from_ranks(outputs["rank"], outputs["known"]) if outputs else {}
    record = metrics_for_slice_pb2.MetricsForSlice()
    for name, value in values.items():
        entry = record.metric_keys_and_values.add()
        entry.key.name = name
        wrong = off_by if name == "known/last/mrr@20" else 0.0
        entry.value.double_value.value = value + wrong
    with tf.io.TFRecordWriter(f"{uri}/metrics-00000-of-00001.tfrecord") as writer:
        writer.write(record.SerializeToString())
