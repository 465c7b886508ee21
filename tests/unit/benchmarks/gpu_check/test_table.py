"""Rows of the GPU check's table, from what machines might measure."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gpu_check import table
from benchmarks.gpu_check.table import FULL, TOLERANCES, Row

TRAINING = {
    "targets_per_second": 250_000.0,
    "last_loss": 2.0,
    "ops": {"CudnnRNN": 80, "CudnnRNNBackprop": 80},
    "busy_share": 0.6,
    "cudnn_rnn_ms": {"persist_fp": 9.0, "persist_bp": 1.5},
    "peak_bytes": 3 * 2**30,
}
STEPS = {name: dict.fromkeys(limits, 0.0) for name, limits in TOLERANCES.items()}
FIT = {"recall": 0.45, "mrr": 0.25, "seconds": 20.0}


def _failed(rows: list[Row]) -> list[str]:
    return [row.what for row in rows if row.passed is False]


def test_a_training_on_a_gpu_passes() -> None:
    rows = table.training_rows("float32", TRAINING)
    assert _failed(rows) == []
    assert [row.found for row in rows] == ["250,000", "0.60", "3,072", "80", "80", "10.5"]
    assert rows[-1].what == "their GPU time, ms (longest: persist_fp)"


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"ops": {"CudnnRNN": 0, "CudnnRNNBackprop": 80}}, "CudnnRNN ops that ran"),
        ({"ops": {"CudnnRNN": 80, "CudnnRNNBackprop": 0}}, "CudnnRNNBackprop ops that ran"),
        ({"cudnn_rnn_ms": {}}, "their GPU time, ms (longest: none)"),
        ({"busy_share": None}, "share of the time that the GPU is busy"),
        ({"peak_bytes": None}, "peak GPU memory, MiB"),
    ],
)
def test_a_training_without_cudnn_fails(changed: dict[str, Any], failed: str) -> None:
    assert _failed(table.training_rows("float32", TRAINING | changed)) == [failed]


@pytest.mark.parametrize(
    ("loss", "passed"), [(1.91, True), (2.09, True), (1.89, False), (float("nan"), False)]
)
def test_a_loss_must_be_close_to_that_in_float32(loss: float, passed: bool) -> None:
    rows = table.loss_rows({"float32": TRAINING, "mixed_float16": TRAINING | {"last_loss": loss}})
    assert [row.passed for row in rows] == [passed]
    assert rows[0].check == "training, mixed_float16"


def test_losses_of_another_kind_are_not_compared() -> None:
    full = {FULL[1]: TRAINING | {"last_loss": 9.0}, "float32": TRAINING}
    assert table.loss_rows(full) == []
    assert len(table.loss_rows({**full, FULL[0]: TRAINING})) == 1


@pytest.mark.parametrize("name", TOLERANCES)
@pytest.mark.parametrize("what", ["queries", "loss", "gradients"])
def test_a_step_beyond_its_tolerance_fails(name: str, what: str) -> None:
    limit = TOLERANCES[name][what]
    for error, failed in [(limit, []), (limit * 1.01, [f"{what}, relative error"])]:
        found = {**STEPS, name: STEPS[name] | {what: error}}
        assert _failed(table.step_rows(found)) == failed


def test_sixteen_bits_are_held_to_their_own_rounding() -> None:
    tolerances = [TOLERANCES[name]["queries"] for name in ("mixed_bfloat16", "mixed_float16")]
    assert tolerances == [1 / 64, 1 / 512]
    assert TOLERANCES["float32"]["gradients"] < TOLERANCES["mixed_float16"]["gradients"] / 50


@pytest.mark.parametrize(
    ("several", "failed"), [([3.0, 2.001], 0), ([3.0, 1.99], 1), ([float("nan"), 2.0], 1)]
)
def test_replicas_must_have_the_losses_of_one_device(several: list[float], failed: int) -> None:
    rows = table.replica_rows({"one": [3.0, 2.0], "several": several, "devices": 4})
    assert len(_failed(rows)) == failed
    assert rows[0].what == "loss on 4 devices, relative difference from one"


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"recall": 0.459, "mrr": 0.2445}, []),
        ({"recall": 0.439}, ["recall@20"]),
        ({"mrr": 0.257}, ["mrr@20"]),
        ({"mrr": float("nan")}, ["mrr@20"]),
    ],
)
def test_a_fit_on_a_gpu_must_be_as_good_within_noise(
    changed: dict[str, float], failed: list[str]
) -> None:
    rows = table.fit_rows({"CPU": FIT, "GPU": FIT | changed})
    assert _failed(rows) == failed
    assert [row.passed for row in rows[:3]] == [None] * 3
    assert rows[4].limit == "0.4500 +- 0.01"


def test_a_measurement_that_failed_is_a_failed_row() -> None:
    rows = table.all_rows({("steps", 1): STEPS, ("fit", 0): FIT, ("fit", 1): "it ran out of time"})
    (failed,) = (row for row in rows if row.passed is False)
    assert failed == Row("fit, GPU", "it ran out of time", "none", "a result", False)
