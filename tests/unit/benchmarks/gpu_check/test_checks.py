"""What the GPU check measures, with the CPU in the place of a GPU and small sizes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu_check import agreement, checks, profiling, table
from pipeline.sample.generate import write_sample

ONE_EPOCH = ("trainer.max_epochs=1",)


def test_the_table_knows_what_is_measured() -> None:
    assert (*table.PRECISIONS, *table.FULL) == tuple(checks.TRAININGS)
    assert [*table.TOLERANCES] == [*agreement.STEPS]
    assert table.OPS == profiling.CUDNN_OPS


def test_a_training_is_measured_and_profiled_as_the_trainer_does_it() -> None:
    found = checks.training("full softmax, mixed_bfloat16", sessions=200, items=100)
    assert found["targets_per_second"] > 0
    assert 2.0 < found["last_loss"] < 5.0  # of 100 items; 4.6 before training
    assert found["all_ops"] > 1_000
    assert found["ops"] == {"CudnnRNN": 0, "CudnnRNNBackprop": 0}
    assert (found["busy_share"], found["peak_bytes"], found["cudnn_rnn_ms"]) == (None, None, {})


def test_a_fit_is_the_same_from_a_file(tmp_path: Path) -> None:
    write_sample(tmp_path, sessions=300)
    made_up = checks.whole_fit(checks.Fit(sessions=300, overrides=ONE_EPOCH))
    file = tmp_path / "train.tsv"
    read = checks.whole_fit(checks.Fit(file=file, overrides=ONE_EPOCH))
    for name in ("recall", "mrr", "epochs"):
        assert made_up[name] == read[name] > 0


def test_no_gpu_is_found_here() -> None:
    assert checks.check("gpus", {}, checks.Fit(), 0) == checks.gpus()
