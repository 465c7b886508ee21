"""Reads the sessions that SessionExampleGen wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils

_FEATURES = {
    "session_id": tf.io.FixedLenFeature([], tf.string),
    "item_ids": tf.io.RaggedFeature(tf.string),
    "start_time": tf.io.FixedLenFeature([], tf.int64),
}
_RECORDS_PER_BATCH = 1_024


class Sessions(NamedTuple):
    """Sessions of one or more splits, sorted by session id.

    Attributes:
      session_ids: of the sessions.
      item_ids: raw ids of each session's items, in time order.
      start_times: when each session began, in ms.
    """

    session_ids: list[bytes]
    item_ids: list[list[bytes]]
    start_times: list[int]


def read_sessions(examples: types.Artifact, splits: Sequence[str]) -> Sessions:
    """Reads splits of ExampleGen's output; a split may hold nothing.

    Raises:
      ValueError: a split does not exist.
    """
    rows = sorted(chain.from_iterable(_read_split(examples, split) for split in splits))
    return Sessions(
        session_ids=[row[0] for row in rows],
        item_ids=[row[2] for row in rows],
        start_times=[row[1] for row in rows],
    )


def _read_split(examples: types.Artifact, split: str) -> list[tuple[bytes, int, list[bytes]]]:
    folder = artifact_utils.get_split_uri([examples], split)
    files = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    rows: list[tuple[bytes, int, list[bytes]]] = []
    for batch in records.batch(_RECORDS_PER_BATCH):
        parsed = tf.io.parse_example(batch, _FEATURES)
        ids, times = parsed["session_id"].numpy(), parsed["start_time"].numpy()
        rows += zip(ids.tolist(), times.tolist(), parsed["item_ids"].to_list(), strict=True)
    return rows
