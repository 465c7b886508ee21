"""Sessions as tf.Examples: the one writer, and the readers, in graphs and from files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.example import example_pb2

from modules.array_types import IntArray
from modules.sessions.feature_names import (
    EVENT_TIMES,
    EVENT_WEIGHTS,
    ITEM_IDS,
    SESSION_ID,
    START_TIME,
)
from modules.tf_datasets import without_autotuning

_ITEM_IDS = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
_FEATURES = {
    SESSION_ID: tf.io.FixedLenFeature([], tf.string),
    START_TIME: tf.io.FixedLenFeature([], tf.int64),
    ITEM_IDS: _ITEM_IDS,
    EVENT_TIMES: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
}
SESSIONS_PER_BATCH = 512


class ExampleEncoder:
    """Serializes sessions as tf.Examples, deterministically.

    Reuses one message: a new one for every session takes 2 to 4 times as long.
    """

    def __init__(self) -> None:
        """Creates the message."""
        self._example = example_pb2.Example()
        feature = self._example.features.feature
        self._session_id = feature[SESSION_ID].bytes_list.value
        self._item_ids = feature[ITEM_IDS].bytes_list.value
        self._event_times = feature[EVENT_TIMES].int64_list.value
        self._start_time = feature[START_TIME].int64_list.value
        self._has_weights = False
        self._session_id.append(b"")
        self._start_time.append(0)

    def encode(
        self,
        session_id: bytes,
        start_time: int,
        item_ids: Sequence[bytes],
        event_times: Sequence[int],
        weights: Sequence[float] | None = None,
    ) -> bytes:
        """Returns the serialized session; the arguments are the fields of a `Session`."""
        self._session_id[0] = session_id
        self._start_time[0] = start_time
        del self._item_ids[:]
        self._item_ids.extend(item_ids)
        del self._event_times[:]
        self._event_times.extend(event_times)
        if weights is not None or self._has_weights:
            self._set_weights(weights)
        return bytes(self._example.SerializeToString(deterministic=True))

    def _set_weights(self, weights: Sequence[float] | None) -> None:
        feature = self._example.features.feature
        if self._has_weights:
            del feature[EVENT_WEIGHTS]
        if weights is not None:
            feature[EVENT_WEIGHTS].float_list.value.extend(weights)
        self._has_weights = weights is not None


def decode(serialized: bytes) -> Any:
    """Returns the features of a tf.Example by name; raises DecodeError if it is not one."""
    return example_pb2.Example.FromString(serialized).features.feature


def parse_sessions(examples: tf.Tensor) -> tf.RaggedTensor:
    """Returns the raw item ids in serialized tf.Examples, string `[batch, (length)]`."""
    return tf.io.parse_example(examples, {ITEM_IDS: _ITEM_IDS})[ITEM_IDS]


class SessionBatch(NamedTuple):
    """A batch of sessions.

    Attributes:
      serialized: tf.Examples, bytes `[sessions]`.
      session_ids: bytes `[sessions]`.
      start_times: start of each session, ms, int64 `[sessions]`.
      items: raw item ids, bytes `[events]`, session after session in time order.
      times: times of the events, ms, int64 `[events]`.
      offsets: int64 `[sessions + 1]`: session i has the events `offsets[i]:offsets[i + 1]`.
    """

    serialized: npt.NDArray[np.object_]
    session_ids: npt.NDArray[np.object_]
    start_times: IntArray
    items: npt.NDArray[np.object_]
    times: IntArray
    offsets: IntArray

    def item_lists(self) -> list[list[bytes]]:
        """Returns the raw item ids of each session."""
        items, offsets = self.items.tolist(), self.offsets.tolist()
        return [items[start:end] for start, end in pairwise(offsets)]


def read_batches(
    folder: str, batch_size: int = SESSIONS_PER_BATCH, pattern: str = "*"
) -> Iterator[SessionBatch]:
    """Yields the sessions of a split in batches.

    Args:
      folder: folder of the split, from `artifact_utils.get_split_uri`.
      batch_size: maximum number of sessions in a batch.
      pattern: which of the folder's files are read.

    Raises:
      ValueError: a session does not have one time per item.
    """
    files = sorted(tf.io.gfile.glob(os.path.join(folder, pattern)))
    records = without_autotuning(tf.data.TFRecordDataset(files, compression_type="GZIP"))
    for serialized in records.batch(batch_size).prefetch(1):
        parsed = tf.io.parse_example(serialized, _FEATURES)
        items, times = parsed[ITEM_IDS], parsed[EVENT_TIMES]
        offsets = items.row_splits.numpy()
        if not np.array_equal(offsets, times.row_splits.numpy()):
            raise ValueError(f"sessions in {folder} must have one of {EVENT_TIMES} per item")
        yield SessionBatch(
            serialized.numpy(),
            parsed[SESSION_ID].numpy(),
            parsed[START_TIME].numpy(),
            items.flat_values.numpy(),
            times.flat_values.numpy(),
            offsets,
        )


def read_sessions(folder: str, errors: str = "surrogateescape") -> Iterator[list[str]]:
    """Yields the item ids of a split's sessions as text; `errors` is that of `bytes.decode`."""
    for batch in read_batches(folder):
        for items in batch.item_lists():
            yield [item.decode("utf-8", errors) for item in items]
