"""Reads evaluation artifacts in TFMA's own file format, written with TFMA's own messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from pipeline.evaluation_record import Gate, read_evaluation

THRESHOLDS = {
    "honest/all/n": {"valueThreshold": {"lowerBound": 1.0}},
    "known/all/recall@20": {
        "valueThreshold": {"lowerBound": 0.4},
        "changeThreshold": {"absolute": -0.01, "direction": "HIGHER_IS_BETTER"},
    },
}


def _record(
    values: dict[str, float], model: str, slice_key: str = "", is_diff: bool = False
) -> Any:
    record = metrics_for_slice_pb2.MetricsForSlice()
    if slice_key:
        column, value = slice_key.split("=")
        record.slice_key.single_slice_keys.add(column=column, bytes_value=value.encode())
    for name, value in values.items():
        entry = record.metric_keys_and_values.add()
        entry.key.name, entry.key.model_name, entry.key.is_diff = name, model, is_diff
        entry.value.double_value.value = value
    return record


def _write(file: Path, records: list[Any]) -> None:
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record.SerializeToString())


def _evaluation(folder: Path, records: list[Any], failures: list[tuple[str, bool]]) -> Path:
    _write(folder / "metrics-00000-of-00001.tfrecord", records)
    result = validation_result_pb2.ValidationResult(validation_ok=not failures)
    for name, is_diff in failures:
        failure = result.metric_validations_per_slice.add().failures.add()
        failure.metric_key.name, failure.metric_key.is_diff = name, is_diff
    _write(folder / "validations.tfrecord", [result])
    thresholds = {
        name: {"thresholds": [{"slicingSpecs": [{}], "threshold": threshold}]}
        for name, threshold in THRESHOLDS.items()
    }
    config = {"evalConfig": {"metricsSpecs": [{"perSliceThresholds": thresholds}]}}
    (folder / "eval_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("model", ["", "candidate"])
def test_the_models_metrics_slices_and_gates(tmp_path: Path, model: str) -> None:
    metrics = {
        "known/all/recall@20": 0.5,
        "honest/all/n": 20.0,
        "known/all/n": 10.0,
        "known/all/mrr@20": float("nan"),
        "known/all/recall@20/target_count=0": 0.1,
    }
    other = {"known/all/recall@20": 0.3, "honest/all/recall@20/target_count=0": 0.2}
    folder = _evaluation(
        tmp_path,
        [_record(other, model, "session_length_bucket=2..3"), _record(metrics, model)],
        failures=[],
    )
    record = read_evaluation(folder)
    assert record.metrics == {
        "known/all/recall@20": 0.5,
        "known/all/mrr@20": None,
        "honest/all/n": 20,
        "known/all/n": 10,
    }
    assert list(record.metrics)[-1] == "known/all/n"  # sizes last, in the order of the docs
    assert record.last_blessed == {}
    assert record.slices == {
        "session_length_bucket=2..3": {"known/all/recall@20": 0.3},
        "target_count=0": {"known/all/recall@20": 0.1},
    }
    assert record.gates[0] == Gate("honest/all/n", "value", 1.0, 20, 20, True)


def test_a_refused_model_beside_the_last_blessed_one(tmp_path: Path) -> None:
    folder = _evaluation(
        tmp_path,
        [
            _record({"known/all/recall@20": 0.45, "known/all/n": 10.0}, "candidate"),
            _record({"known/all/recall@20": -0.05}, "candidate", is_diff=True),
            _record({"known/all/recall@20": 0.5, "known/all/n": 9.0}, "baseline"),
        ],
        failures=[("known/all/recall@20", True)],
    )
    record = read_evaluation(folder)
    assert record.metrics["known/all/recall@20"] == 0.45
    assert record.last_blessed == {"known/all/recall@20": 0.5, "known/all/n": 9}
    value, change = record.gates[1:]
    assert value == Gate("known/all/recall@20", "value", 0.4, 0.45, 10, True)
    assert (change.kind, change.passed, change.threshold) == ("change", False, -0.01)
    assert change.value == pytest.approx(-0.05)
