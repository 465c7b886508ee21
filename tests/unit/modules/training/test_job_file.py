"""The job that workers read."""

from __future__ import annotations

from pathlib import Path

from tfx.components.trainer.fn_args_utils import FnArgs

from modules.training.job_file import job_digest, read_job, write_job


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    arguments = {
        "working_dir": "/w",
        "train_files": ["/t/*"],
        "eval_files": ["/e/*", "/f/*"],
        "transform_output": "/transform",
        "serving_model_dir": "/model",
        "model_run_dir": "/run",
        "base_model": "/base",
        "hyperparameters": {"values": {"trainer.learning_rate": 0.01}},
        "custom_config": {"trainer": {"workers": 2}, "weighted": True},
    }
    # What TFX passes beside it, such as functions, no worker needs.
    given = FnArgs(**arguments, train_steps=3, data_accessor=object())

    write_job(given, str(tmp_path / "job.json"))
    job = read_job(str(tmp_path / "job.json"))

    assert {name: getattr(job, name) for name in arguments} == arguments
    assert job.data_accessor is None


def test_all_attempts_of_a_training_have_one_digest_and_no_other_has() -> None:
    def digest(**changes: object) -> str:
        given = {"train_files": ["/t/*"], "custom_config": {"trainer": {"seed": 1}}, **changes}
        return job_digest(FnArgs(**given))

    assert digest(serving_model_dir="/1", model_run_dir="/1") == digest(serving_model_dir="/2")
    assert digest(train_files=["/u/*"]) != digest()
    assert digest(custom_config={"trainer": {"seed": 2}}) != digest()
