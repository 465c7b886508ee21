"""TFJobs from their creation to their end, on an API whose workers are small processes."""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.cluster_jobs import tf_job
from pipeline.cluster import worker_job
from pipeline.cluster.deployment import Deployment
from tests.training_operator import TrainingOperator


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingOperator]:
    monkeypatch.setattr(tf_job, "_SECONDS_BETWEEN_LOOKS", 0.1)
    running = TrainingOperator(tmp_path / "pods")
    yield running
    running.close()


def _manifest(code: str) -> dict[str, Any]:
    """The job that `compile` makes, with another program in its workers."""
    head = """
        import json, os, sys, time
        config = json.loads(os.environ["TF_CONFIG"])
        index, seen = config["task"]["index"], os.path.join(sys.argv[1], "seen")
        with open(seen, "a") as file:
            file.write(json.dumps(config) + "\\n")
        starts = sum(json.loads(line)["task"]["index"] == index for line in open(seen))
    """
    made = worker_job.manifest(Deployment(image="image", trainer_workers=2), {})
    spec = made["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    spec["containers"][0]["command"] = ["python", "-c", textwrap.dedent(head) + code]
    return made


def _run(operator: TrainingOperator, folder: Path, code: str) -> list[dict[str, Any]]:
    tf_job.run(_manifest(code), "trainer-1", [str(folder)], operator.cluster())
    return [json.loads(line) for line in (folder / "seen").read_text().splitlines()]


def test_a_job_runs_its_workers_and_is_gone(
    operator: TrainingOperator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = _run(operator, tmp_path, "print(f'epoch 1 of {index}'); time.sleep(.3)")
    assert sorted(config["task"]["index"] for config in seen) == [0, 1]
    assert {len(config["cluster"]["worker"]) for config in seen} == {2}
    (job,) = operator.created
    metadata = job.manifest["metadata"]
    assert metadata["name"] == "trainer-1"
    assert metadata["ownerReferences"][0]["uid"] == "uid-of-trainer"
    spec = job.manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    assert spec["serviceAccountName"] == "pipeline-runner"
    assert not operator.jobs
    # What the first worker wrote, once.
    assert capsys.readouterr().out.count("epoch 1 of 0\n") == 1


def test_a_worker_that_fails_starts_again(operator: TrainingOperator, tmp_path: Path) -> None:
    code = "if index == 1 and starts < 3: sys.exit(3)\nif index == 0: time.sleep(2)"
    seen = _run(operator, tmp_path, code)
    assert [config["task"]["index"] for config in seen].count(1) == 3
    assert [config["task"]["index"] for config in seen].count(0) == 1


def test_a_job_that_fails_says_what_its_workers_wrote(
    operator: TrainingOperator, tmp_path: Path
) -> None:
    code = "print(f'no luck {starts}')\nif index == 1: sys.exit(3)\ntime.sleep(60)"
    message = r"(?s)backoff limit\nworker 0:.*worker 1:\nno luck 5"
    with pytest.raises(RuntimeError, match=message):
        _run(operator, tmp_path, code)
    assert not operator.jobs


def test_what_an_earlier_attempt_left_is_deleted_first(
    operator: TrainingOperator, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tf_job._Jobs, "wait", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr(tf_job._Jobs, "delete", lambda _: None)  # as if killed
        _run(operator, tmp_path, "time.sleep(60)")
    assert list(operator.jobs) == ["trainer-1"]
    left = operator.created[0]
    _run(operator, tmp_path, "time.sleep(.2)")
    assert all(worker.process.returncode for worker in left.workers)
    assert len(operator.created) == 2 and not operator.jobs


def test_a_stopped_process_deletes_its_job(
    operator: TrainingOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: float) -> None:
        if operator.jobs:
            raise SystemExit(143)  # as the entrypoint does after SIGTERM

    monkeypatch.setattr(tf_job.time, "sleep", stopped)
    with pytest.raises(SystemExit):
        _run(operator, tmp_path, "import threading; threading.Event().wait(60)")
    assert not operator.jobs


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [
        ("POST", 404, "did not create TFJob trainer-1: 404, the cluster has no TFJobs: install"),
        ("POST", 403, "did not create TFJob trainer-1: 403, the service account of the run may"),
        ("GET", 403, "did not read pod trainer-pod: 403, the service account"),
        ("GET", 404, "did not read pod trainer-pod: 404, no pod has the name of this host"),
        ("DELETE", 403, "did not delete TFJob trainer-1: 403"),
    ],
)
def test_a_refusal_says_how_to_fix_it(
    operator: TrainingOperator, tmp_path: Path, method: str, status: int, message: str
) -> None:
    operator.refused[method] = status
    with pytest.raises(RuntimeError, match=message):
        _run(operator, tmp_path, "")
    assert not operator.created


@pytest.mark.parametrize("refusal", [503, 429])
def test_a_short_outage_of_the_api_does_no_harm(
    operator: TrainingOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    looks = iter(range(1000))
    status = tf_job._Jobs._status

    def sometimes(jobs: Any) -> dict[str, Any]:
        operator.refused = {"GET": refusal} if next(looks) in (1, 2) else {}
        return status(jobs)

    monkeypatch.setattr(tf_job._Jobs, "_status", sometimes)
    _run(operator, tmp_path, "time.sleep(1)")
    assert next(looks) > 3


def test_lines_are_shown_once_though_their_log_could_not_be_read_for_a_while(
    operator: TrainingOperator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks, read = iter(range(1000)), tf_job._Jobs._log

    def sometimes(jobs: Any, worker: int, **options: Any) -> list[str]:
        operator.refused = {"GET": 503} if next(looks) % 2 else {}
        found = read(jobs, worker, **options)
        operator.refused = {}
        return found

    monkeypatch.setattr(tf_job._Jobs, "_log", sometimes)
    _run(operator, tmp_path, "print('epoch 1', flush=True); time.sleep(2)")
    assert capsys.readouterr().out.count("epoch 1\n") == 1 and next(looks) > 4


def test_an_outage_at_the_end_costs_no_training(
    operator: TrainingOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = tf_job._Jobs.wait

    def until_an_outage(jobs: Any) -> None:
        wait(jobs)
        operator.refused = {"DELETE": 503}
        threading.Timer(0.5, operator.refused.clear).start()

    monkeypatch.setattr(tf_job._Jobs, "wait", until_an_outage)
    _run(operator, tmp_path, "")
    assert not operator.jobs and not operator.refused


def test_a_long_outage_is_an_error(
    operator: TrainingOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf_job, "_FAILED_LOOKS", 3)
    status = tf_job._Jobs._status

    def never(jobs: Any) -> dict[str, Any]:
        operator.refused = {"GET": 503}
        return status(jobs)

    monkeypatch.setattr(tf_job._Jobs, "_status", never)
    with pytest.raises(RuntimeError, match="lost TFJob trainer-1"):
        _run(operator, tmp_path, "time.sleep(60)")


def test_elsewhere_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(RuntimeError, match="compile it without trainer_workers"):
        tf_job.this_cluster()
