"""Streams the sessions of an Examples artifact in batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils

from modules.array_types import IntArray

_FEATURES = {
    "session_id": tf.io.FixedLenFeature([], tf.string, default_value=""),
    "item_ids": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
    "event_times": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
}
SESSIONS_PER_BATCH = 512


class SessionBatch(NamedTuple):
    """Some sessions.

    Attributes:
      serialized: tf.Examples, bytes `[sessions]`.
      session_ids: bytes `[sessions]`.
      items: raw item ids, bytes `[events]`, session after session in time order.
      times: of the events, ms, int64 `[events]`.
      offsets: int64 `[sessions + 1]`: session i has the events `offsets[i]:offsets[i + 1]`.
    """

    serialized: npt.NDArray[np.object_]
    session_ids: npt.NDArray[np.object_]
    items: npt.NDArray[np.object_]
    times: IntArray
    offsets: IntArray


def read_batches(
    examples: types.Artifact, split: str, batch_size: int = SESSIONS_PER_BATCH
) -> Iterator[SessionBatch]:
    """Yields the sessions of a split, none where it is empty.

    Raises:
      ValueError: the artifact has no such split, or a session has not one time per item.
    """
    folder = artifact_utils.get_split_uri([examples], split)
    files = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    for serialized in records.batch(batch_size).prefetch(1):
        parsed = tf.io.parse_example(serialized, _FEATURES)
        items, times = parsed["item_ids"], parsed["event_times"]
        offsets = items.row_splits.numpy()
        if not np.array_equal(offsets, times.row_splits.numpy()):
            raise ValueError(f"sessions of split {split} must have one of event_times per item")
        yield SessionBatch(
            serialized.numpy(),
            parsed["session_id"].numpy(),
            items.flat_values.numpy(),
            times.flat_values.numpy(),
            offsets,
        )


def read_sessions(examples: types.Artifact, split: str) -> Iterator[list[str]]:
    """Yields the item ids of a split's sessions; bytes that are no UTF-8 become surrogates."""
    folder = artifact_utils.get_split_uri([examples], split)
    files = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        values = tf.train.Example.FromString(record).features.feature["item_ids"].bytes_list.value
        yield [value.decode("utf-8", "surrogateescape") for value in values]
