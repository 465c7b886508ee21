"""Times and lengths of the sessions behind the windows, for the record of what a model learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from modules.data.windowing import rows_of
from modules.tf_datasets import without_autotuning

FEATURE = "session_span"
"""Name of the feature that Transform writes beside the windows."""
_RECORDS_PER_PARSE = 4096


class Spans(NamedTuple):
    """The sum of some sessions; the times are 0 without any.

    Attributes:
      sessions: number of sessions.
      events: number of events.
      first_start: start of the first session, ms.
      last_start: start of the last session, ms.
      last_event: time of the last event, ms.
    """

    sessions: int = 0
    events: int = 0
    first_start: int = 0
    last_start: int = 0
    last_event: int = 0


def session_spans(event_times: tf.SparseTensor) -> tf.Tensor:
    """Returns start, end and length of each session, int64 `[batch, 3]`.

    Args:
      event_times: times of the events in order, ms, sparse int64 `[batch, length]`; no row is
        empty.
    """
    times = rows_of(event_times)
    events = times.row_lengths()
    first = tf.gather(times.values, times.row_starts())
    return tf.stack([first, tf.gather(times.values, times.row_limits() - 1), events], axis=1)


def read_spans(files: Sequence[str]) -> Spans:
    """Adds up the sessions in Transform's TFRecords."""
    records = without_autotuning(tf.data.TFRecordDataset(list(files), compression_type="GZIP"))
    parsed = records.batch(_RECORDS_PER_PARSE).map(_parse)
    rows = [np.zeros((0, 3), np.int64), *parsed.as_numpy_iterator()]
    spans = np.concatenate(rows)
    if not len(spans):
        return Spans()
    start, end, events = spans.T
    return Spans(len(spans), int(events.sum()), int(start.min()), int(start.max()), int(end.max()))


def _parse(serialized: tf.Tensor) -> tf.Tensor:
    feature = tf.io.FixedLenFeature([3], tf.int64)
    return tf.io.parse_example(serialized, {FEATURE: feature})[FEATURE]
