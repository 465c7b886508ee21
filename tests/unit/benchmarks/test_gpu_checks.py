"""What the GPU check measures, with the CPU in the place of a GPU and small sizes."""

from __future__ import annotations

from pathlib import Path

from benchmarks import gpu_agreement, gpu_checks, gpu_profile, gpu_table
from pipeline.sample.generate import write_sample

ONE_EPOCH = ("trainer.max_epochs=1",)


def test_the_table_knows_what_is_measured() -> None:
    assert (*gpu_table.PRECISIONS, *gpu_table.FULL) == tuple(gpu_checks.TRAININGS)
    assert [*gpu_table.TOLERANCES] == [*gpu_agreement.STEPS]
    assert gpu_table.OPS == gpu_profile.CUDNN_OPS


def test_a_training_is_measured_and_profiled_as_the_trainer_does_it() -> None:
    found = gpu_checks.training("full softmax, mixed_bfloat16", sessions=200, items=100)
    assert found["targets_per_second"] > 0
    assert 2.0 < found["last_loss"] < 5.0  # of 100 items; 4.6 before training
    assert found["all_ops"] > 1_000
    assert found["ops"] == {"CudnnRNN": 0, "CudnnRNNBackprop": 0}
    assert (found["busy_share"], found["peak_bytes"], found["cudnn_rnn_ms"]) == (None, None, {})


def test_a_fit_is_the_same_from_a_file(tmp_path: Path) -> None:
    write_sample(tmp_path, sessions=300)
    made_up = gpu_checks.whole_fit(gpu_checks.Fit(sessions=300, overrides=ONE_EPOCH))
    file = tmp_path / "train.tsv"
    read = gpu_checks.whole_fit(gpu_checks.Fit(file=file, overrides=ONE_EPOCH))
    for name in ("recall", "mrr", "epochs"):
        assert made_up[name] == read[name] > 0


def test_no_gpu_is_found_here() -> None:
    assert gpu_checks.check("gpus", {}, gpu_checks.Fit(), 0) == gpu_checks.gpus()
