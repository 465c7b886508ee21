"""Several workers train one model in step: each a process of its own, on one machine.

`make test-workers` has three of them too.
"""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer
from modules.cluster_jobs import WORKER_JOB, tf_job
from modules.training import local_workers
from pipeline.cluster import worker_job
from pipeline.cluster.deployment import Deployment
from tests.training_operator import TrainingOperator
from tests.training_process import PROJECT, TrainingProcess

# Nothing is drawn that workers could draw otherwise.
EXACT = {
    "loss": "full",
    "max_epochs": 3,
    "early_stopping_patience": None,
    "refit": False,
    "batch_targets": 256,
    "reversed_sessions": True,
    "model": {"embedding_dropout": 0.0, "output_dropout": 0.0, "num_neighbors": 2},
}


class Ended(NamedTuple):
    """A training that has ended: its lines, and its model's answers."""

    lines: list[str]
    scores: np.ndarray
    items: np.ndarray

    @property
    def losses(self) -> list[float]:
        """The loss of each epoch."""
        return [float(loss) for loss in re.findall(r"loss (\S+)", "\n".join(self.lines))]


@pytest.fixture(scope="module")
def ended(fn_args, sample, tmp_path_factory) -> Callable[..., Ended]:
    """Returns the training with a number of workers, and with options."""

    @functools.cache
    def train(workers: int, **options: Any) -> Ended:
        out = tmp_path_factory.mktemp(f"workers_{workers}") / "run"
        arguments = fn_args(sample, out, workers=workers, **EXACT, **options)
        lines = TrainingProcess(arguments).finish()
        return Ended(lines, *_answers(out / "model", sample))

    return train


def _answers(folder: Path, data: Any) -> tuple[np.ndarray, np.ndarray]:
    sessions = [session for session in data.sessions["test"] if len(session) > 1][:50]
    items = tf.ragged.constant(sessions).to_tensor("")
    answer = tf.saved_model.load(str(folder)).signatures["recommend"](item_ids=items)
    return answer["scores"].numpy(), answer["item_ids"].numpy()


def test_workers_train_as_one_on_the_same_global_batches(ended) -> None:
    alone, two = ended(1), ended(2)
    assert len(alone.losses) == EXACT["max_epochs"]
    assert two.losses[0] == pytest.approx(alone.losses[0], abs=0.0011)  # as printed
    # At the end of the first epoch, Keras counts a step more if it does not know their number,
    # which moves Adam's correction of bias for a while.
    assert two.losses == pytest.approx(alone.losses, rel=0.003)


def test_workers_export_the_same_model_but_for_rounding(ended) -> None:
    alone, two = ended(1), ended(2)
    assert two.scores == pytest.approx(alone.scores, abs=0.2)
    same = [len(set(a[:20]) & set(b[:20])) for a, b in zip(alone.items, two.items, strict=True)]
    assert np.mean(same) > 18


def test_workers_train_as_one_on_streamed_windows_too(ended) -> None:
    alone, two = ended(1, memory_limit_mb=0), ended(2, memory_limit_mb=0)
    assert two.losses[0] == pytest.approx(alone.losses[0], abs=0.0011)
    assert two.losses == pytest.approx(alone.losses, rel=0.003)


@pytest.mark.exhaustive
def test_a_third_worker_changes_no_more_than_rounding(ended) -> None:
    two, three = ended(2), ended(3)
    assert three.losses == pytest.approx(two.losses, abs=0.0011)
    assert three.scores == pytest.approx(two.scores, abs=1e-3)


def test_a_killed_worker_costs_an_epoch_at_most(fn_args, sample, tmp_path: Path) -> None:
    arguments = fn_args(sample, tmp_path / "run", workers=2, **{**EXACT, "max_epochs": 12})
    training = TrainingProcess(arguments)
    training.wait_for("epoch 2/12")
    victim = max(psutil.Process(training.pid).children(), key=lambda child: child.pid)
    victim.kill()
    lines = training.finish()

    begins = next(
        i for i, line in enumerate(lines) if "all start again from the last epoch" in line
    )
    assert f"ended with status {-signal.SIGKILL}" in lines[begins]
    resumed = re.fullmatch(r" +resumed after epoch (\d+)", lines[begins + 1])
    assert resumed and int(resumed[1]) >= 1
    epochs = re.findall(r"epoch (\d+)/12", "\n".join(lines[begins + 2 :]))
    assert epochs == [str(epoch) for epoch in range(int(resumed[1]) + 1, 13)]
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.exhaustive
def test_a_killed_worker_of_a_tfjob_costs_an_epoch_at_most(
    fn_args, sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the job that `compile` makes, run by a substitute of the training operator."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setattr(tf_job, "_SECONDS_BETWEEN_LOOKS", 0.5)
    operator = TrainingOperator(tmp_path / "pods")
    monkeypatch.setattr(tf_job, "this_cluster", operator.cluster)
    arguments = fn_args(sample, tmp_path / "run", **{**EXACT, "max_epochs": 6})
    deployment = Deployment(image="image", trainer_workers=2)
    arguments["custom_config"][WORKER_JOB] = worker_job.manifest(deployment, {})

    def kill() -> None:
        while not (operator.created and "epoch 2/6" in _log(operator, 0)):
            time.sleep(0.2)
        operator.created[0].workers[1].process.kill()

    threading.Thread(target=kill, daemon=True).start()
    with contextlib.closing(operator):
        trainer.run_fn(FnArgs(**arguments))

    # The other one fails by itself, and both start again at the same addresses.
    assert [len(worker.logs) for worker in operator.created[0].workers] == [2, 2]
    log = _log(operator, 0)
    resumed = re.search(r" resumed after epoch (\d)", log)
    assert resumed and int(resumed[1]) >= 1
    epochs = [int(epoch) for epoch in re.findall(r"epoch (\d)/6", log)]
    assert epochs == list(range(int(resumed[1]) + 1, 7))
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()
    assert not list((tmp_path / "checkpoints").iterdir())
    assert not operator.jobs


def _log(operator: TrainingOperator, worker: int) -> str:
    """Returns what a worker of the first job has written since its last start."""
    return operator.created[0].workers[worker].logs[-1].read_text("utf-8", "replace")


def test_no_worker_outlives_a_killed_run(fn_args, sample, tmp_path: Path) -> None:
    arguments = fn_args(sample, tmp_path / "run", workers=2, **{**EXACT, "max_epochs": 5000})
    training = TrainingProcess(arguments)
    training.wait_for("epoch 1/5000")
    workers = psutil.Process(training.pid).children()
    assert len(workers) == 2
    training.kill_at("epoch")
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_workers_that_always_fail_say_why(
    fn_args, sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_workers, "_STARTS", 1)  # the unit test fails three times
    arguments = fn_args(sample, tmp_path / "run", workers=2, **EXACT)
    arguments["eval_files"] = [str(tmp_path / "nowhere")]
    arguments["custom_config"]["trainer"]["early_stopping_patience"] = 1
    cause = r"worker \d of 2 ended with status 1:(.|\n)*none of its sessions has two items"
    with pytest.raises(RuntimeError, match=cause):
        trainer.run_fn(FnArgs(**arguments))
