"""Reads evaluation artifacts in TFMA's own file format, written with TFMA's own messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from modules.evaluation.tfma_results import read_evaluation


def _record(values: dict[str, float], slice_key: str = "") -> Any:
    record = metrics_for_slice_pb2.MetricsForSlice()
    if slice_key:
        column, value = slice_key.split("=")
        record.slice_key.single_slice_keys.add(column=column, bytes_value=value.encode())
    for name, value in values.items():
        entry = record.metric_keys_and_values.add()
        entry.key.name = name
        entry.value.double_value.value = value
    return record


def _write(file: Path, records: list[Any]) -> None:
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record.SerializeToString())


def test_the_models_metrics_and_slices(tmp_path: Path) -> None:
    metrics = {
        "known/all/recall@20": 0.5,
        "honest/all/n": 20.0,
        "known/all/n": 10.0,
        "known/all/mrr@20": float("nan"),
        "known/all/recall@20/target_count=0": 0.1,
    }
    other = {"known/all/recall@20": 0.3, "honest/all/recall@20/target_count=0": 0.2}
    records = [_record(other, "session_length_bucket=2..3"), _record(metrics)]
    _write(tmp_path / "metrics-00000-of-00001.tfrecord", records)
    record = read_evaluation(tmp_path)
    assert record.metrics == {
        "known/all/recall@20": 0.5,
        "known/all/mrr@20": None,
        "honest/all/n": 20,
        "known/all/n": 10,
    }
    assert list(record.metrics)[-1] == "known/all/n"  # sizes last, in the order of the docs
    assert record.slices == {
        "session_length_bucket=2..3": {"known/all/recall@20": 0.3},
        "target_count=0": {"known/all/recall@20": 0.1},
    }
