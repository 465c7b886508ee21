"""What is missing for a runner is said before a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.beam import readiness
from pipeline.config import Config, load_config
from pipeline.data_files import DataPaths
from tests.local_ports import free_port

POOL = ["--environment_type=EXTERNAL", "--environment_config=localhost:{}"]


def _config(folder: Path, flags: list[str], *more: str) -> Config:
    for name in ("train.tsv", "test.tsv"):
        (folder / name).write_text("")
    data = DataPaths(train=str(folder / "train.tsv"), test=str(folder / "test.tsv"))
    return load_config("custom", [f"beam_pipeline_args={flags}", *more], data)


def test_a_local_runner_needs_nothing(tmp_path: Path) -> None:
    config = _config(tmp_path, ["--runner=DirectRunner"])
    readiness.check(config, tmp_path, {}, tmp_path)


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    port = free_port()
    flags = [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{port}",
        f"--artifact_endpoint=localhost:{port}",
        *(flag.format(port) for flag in POOL),
    ]
    with pytest.raises(readiness.RunnerError) as error:
        readiness.check(_config(tmp_path, flags), tmp_path / "out", {}, tmp_path)
    for words in (
        "Beam's PortableRunner is not ready",
        f"could not connect to --job_endpoint=localhost:{port}: Connection refused; Beam's job",
        f"could not connect to --artifact_endpoint=localhost:{port}: ",
        "the workers of PortableRunner do not have this machine's files: data.train "
        f"{tmp_path}/train.tsv, data.test {tmp_path}/test.tsv, the output folder {tmp_path}/out",
        "set beam.shared_files to true",
    ):
        assert words in str(error.value)
    # A pool elsewhere is not this machine's to reach.
    assert "--environment_config" not in str(error.value)


def test_a_pool_on_this_machine_is_named(tmp_path: Path) -> None:
    port = free_port()
    flags = ["--runner=PortableRunner", *(flag.format(port) for flag in POOL)]
    config = _config(tmp_path, flags, "beam.shared_files=true", "beam.local_pool=true")
    (problem,) = readiness.problems(config, tmp_path, tmp_path)
    assert f"--environment_config=localhost:{port}: Connection refused; start a worker" in problem
    assert "apache_beam.runners.worker.worker_pool_main" in problem


def test_files_elsewhere_are_all_right_for_workers_elsewhere(tmp_path: Path) -> None:
    config = _config(tmp_path, ["--runner=DataflowRunner"])
    remote = config.data.__class__(train="gs://b/train.tsv", test="gs://b/test.tsv")
    config = config.__class__(**{**vars(config), "data": remote})
    (path,) = readiness.local_paths(config, tmp_path)
    assert path == f"the output folder {tmp_path}"


def test_a_trial_that_ends_without_an_answer_shows_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], -9, stdout="", stderr="one\nout of memory\n")

    monkeypatch.setattr(readiness.subprocess, "run", ended)
    config = _config(tmp_path, ["--runner=PrismRunner"])
    assert readiness.try_workers(config, tmp_path, {}) == (
        "the trial job was killed by SIGKILL (out of memory?):\none\nout of memory"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["test.tsv", "train.tsv"]
