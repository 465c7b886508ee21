from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules.config.options.data import DataOptions
from modules.config.options.index import IndexOptions
from pipeline.config import Config, ConfigError, load_config
from pipeline.data_files import DataPaths
from pipeline.paths import PROJECT
from pipeline.run import launch


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).write_text("")
    return load_config("custom", ["trainer.seed=5"], DataPaths(folder=str(tmp_path)))


def test_finds_the_configuration_that_was_saved(config: Config, tmp_path: Path) -> None:
    launch.save_config(config, tmp_path)
    assert launch.find_config({launch.OUT_VARIABLE: str(tmp_path)})[:2] == (config, tmp_path)


def test_without_one_the_preset_named_by_the_environment_else_the_sample(tmp_path: Path) -> None:
    sample, out, source = launch.find_config({})
    assert (sample.name, source, out) == ("sample", "sample", PROJECT / "output" / "sample")
    found, out, _ = launch.find_config({launch.OUT_VARIABLE: str(tmp_path / "empty")})
    assert (found, out) == (sample, tmp_path / "empty")
    with pytest.raises(ConfigError, match="retailrocket"):
        launch.find_config({launch.PRESET_VARIABLE: "retailrocket"})


def test_an_index_without_faiss_is_refused_before_anything_runs(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "faiss" else found(name)
    )
    launch.check_packages(config)
    indexed = dataclasses.replace(config, index=IndexOptions(kind="pq"))
    with pytest.raises(ConfigError, match="setup --extra ann"):
        launch.check_packages(indexed)


def test_the_childs_environment(tmp_path: Path) -> None:
    child = launch.child_environment({"PATH": "/bin", "PYTHONPATH": "/mine"}, tmp_path)
    assert child["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/bin"
    assert child["PYTHONPATH"] == f"{PROJECT}{os.pathsep}/mine"
    assert child[launch.OUT_VARIABLE] == str(tmp_path)


def test_a_runs_processes_share_a_gpus_memory_unless_it_is_forbidden(tmp_path: Path) -> None:
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    assert launch.child_environment({}, tmp_path)[name] == "true"
    assert launch.child_environment({name: "false"}, tmp_path)[name] == "false"


@pytest.mark.parametrize("shell", ["", "0"])
def test_a_run_by_hand_packages_user_code_as_the_childs_does(tmp_path: Path, shell: str) -> None:
    switch = "UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES"
    child = launch.child_environment({switch: shell}, tmp_path)
    assert child[switch] == "1"
    by_hand = launch.runner_environment({})
    assert by_hand.items() <= child.items()
    assert launch.runner_environment(by_hand) == by_hand


def test_logs_are_new_and_few(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for day in range(30):
        (tmp_path / "logs" / f"2026-01-{day:02}-000000-1.log").write_text("")
    log = launch.new_log(tmp_path)
    kept = sorted(file.name for file in log.parent.iterdir() if file != log)
    assert kept == [f"2026-01-{day:02}-000000-1.log" for day in range(11, 30)]


@pytest.mark.parametrize(
    ("status", "ending"),
    [(1, "exited without an error message"), (-9, "was killed by SIGKILL (out of memory?)")],
)
def test_a_process_that_says_nothing_leaves_the_end_of_its_log(
    tmp_path: Path, status: int, ending: str
) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {row}\n" for row in range(100)))
    text = launch.failure_text("[1/2] Trainer ... ", log, status)
    assert text.startswith(f"Failed: the run {ending}")
    assert "line 99" in text and "line 80" not in text
    assert text.endswith(f"Full log: {log}")
    assert launch.failure_text("Failed: Trainer: x\n", log, status) == f"Full log: {log}"


def test_a_log_that_cannot_be_made_is_an_error_of_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="logs"):
        launch.new_log(tmp_path)


def test_makes_the_sample_only_where_files_are_missing(tmp_path: Path) -> None:
    train, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    data = DataOptions(str(train), None, str(test), str(tmp_path), generate=True)
    assert launch.make_sample_if_missing(Config("sample", data=data))
    assert train.read_text().startswith("SessionId\tItemId\tTime\n")
    test.write_text("mine")
    assert not launch.make_sample_if_missing(Config("sample", data=data))
    assert test.read_text() == "mine"
    test.unlink()
    own = DataOptions(str(train), None, str(test), str(tmp_path), generate=False)
    assert not launch.make_sample_if_missing(Config("sample", data=own))
    assert not test.exists()


def test_a_run_typed_by_hand_finds_its_configuration_at_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.yaml").write_text("name: mine\ndata: {train: t.tsv}\n")
    (tmp_path / "t.tsv").write_text("SessionId\tItemId\tTime\n")
    monkeypatch.chdir(tmp_path)
    config, out, _ = launch.find_config({launch.OUT_VARIABLE: "~/out"})
    assert (config.name, out) == ("mine", tmp_path / "out")


@pytest.mark.parametrize(
    ("out", "words"),
    [("a[1]", "Failed: OUT must have none of * ? ["), ("gs://b/o", "Failed: OUT must be a local")],
)
def test_a_run_typed_by_hand_is_refused_as_one_of_make_is(
    tmp_path: Path, out: str, words: str
) -> None:
    done = _typed_by_hand(out, tmp_path)
    assert done.returncode == 2
    assert words in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def _typed_by_hand(out: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "local_runner.py")],
        env={**os.environ, "PYTHONPATH": str(PROJECT), launch.OUT_VARIABLE: out},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_run_typed_by_hand_says_what_becomes_split_test(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("SessionId\tItemId\tTime\n")
    (tmp_path / "config.yaml").write_text("data: {train: t.tsv, test_days: 3}\n")
    (tmp_path / "metadata.sqlite").write_text("no database, so that the run ends here")
    done = _typed_by_hand(str(tmp_path), tmp_path)
    assert done.returncode == 2
    assert (
        f"Split test: the sessions of {tmp_path}/t.tsv that start in the last 3 days" in done.stdout
    )
