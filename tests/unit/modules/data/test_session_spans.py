"""Times and lengths of sessions, in graphs and from files."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from modules.data.session_spans import FEATURE, Spans, read_spans, session_spans

TIMES = [[5, 7, 9], [3], [4, 40]]


def test_a_session_has_a_start_an_end_and_a_number_of_events() -> None:
    found = session_spans(tf.ragged.constant(TIMES, tf.int64).to_sparse())
    assert found.numpy().tolist() == [[5, 9, 3], [3, 3, 1], [4, 40, 2]]


def test_sessions_of_all_files_are_added_up(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.gz", "b.gz", "none.gz")]
    for file, rows in zip(files, (TIMES[:2], TIMES[2:], []), strict=True):
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for times in rows:
                values = [times[0], times[-1], len(times)]
                feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                example = tf.train.Example(features=tf.train.Features(feature={FEATURE: feature}))
                writer.write(example.SerializeToString())
    assert read_spans(files) == Spans(3, 6, first_start=3, last_start=5, last_event=40)
    assert read_spans(files[2:]) == Spans()
