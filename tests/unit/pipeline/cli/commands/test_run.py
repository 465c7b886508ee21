"""How `session-retrieval run` refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from modules.files.folders import FolderError
from pipeline.cli.commands import run
from pipeline.cli.main import main
from pipeline.config import Config
from pipeline.run import launch


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["run", "--out", str(tmp_path / "file" / "out")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/file" in error and "OUT=folder" in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_ends_on_both_signals_as_a_shell_starts_it_in_the_background(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        os.kill(os.getpid(), number)
        time.sleep(10)
        return 0

    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).write_text("SessionId\tItemId\tTime\n1\ta\t5\n1\tb\t6\n")
    monkeypatch.setattr(run, "execute", interrupted)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)
    try:
        status = main(["run", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    except SystemExit as ended:
        status = ended.code
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])

    assert status == 128 + number


@pytest.mark.parametrize("name", ["[1]", "what?", "a*b", "back\\slash"])
def test_a_run_is_refused_where_tfx_would_take_a_path_for_a_pattern(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    out = tmp_path / name / "out"
    assert main(["run", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert f"got {out}: " in error and "Name another one with OUT=folder" in error
    assert not out.parent.exists()
    with pytest.raises(FolderError):  # TFX's command line by hand
        launch.find_config({launch.OUT_VARIABLE: str(out)})
    monkeypatch.setattr(launch, "PROJECT", tmp_path / name)  # a checkout there, and no OUT
    assert main(["run"]) == 2
    assert "the default is output/ in the checkout" in capsys.readouterr().err


def test_a_run_is_refused_at_a_uri(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--out", "gs://bucket/out"]) == 2
    assert "OUT must be a local folder, got gs://bucket/out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_preset_and_data_that_no_file_can_be_called_are_refused(tmp_path: Path, capsys) -> None:
    for named in (["--preset", "x" * 5000], ["--train", "x" * 5000]):
        assert main(["run", *named, "--out", str(tmp_path)]) == 2
        errors = capsys.readouterr().err
        assert "is not usable:" in errors and "Cannot write" not in errors
        assert "x" * 1001 not in errors


@pytest.mark.parametrize("command", ["run", "day"])
def test_a_runner_that_is_not_ready_stops_a_command_before_its_run(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"localhost:{free.getsockname()[1]}"
    own, out = tmp_path / "own.yaml", tmp_path / "out"
    own.write_text(f"- --runner=PortableRunner\n- --job_endpoint={server}\n", "utf-8")
    name = "clicks-2015-09-08.tsv" if command == "day" else "clicks.tsv"
    (tmp_path / name).write_text("SessionId\tItemId\tTime\n")
    data = str(tmp_path / name).replace("2015-09-08", "{YYYY}-{MM}-{DD}")
    given = ["--data", data] if command == "day" else ["--train", data]
    assert main([command, *given, "--beam", str(own), "--out", str(out)]) == 2
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "Trying the workers of PortableRunner ... failed"
    assert f"could not connect to --job_endpoint={server}: Connection refused" in shown.err
    assert f"the output folder {out}" in shown.err
    assert not (out / "metadata.sqlite").exists()


@pytest.mark.parametrize("written", ["[1/2] A ... ", "[1/2] A ... \n    epoch 1/2\n", ""])
def test_that_a_run_was_killed_stands_on_a_line_of_its_own(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text(f"import os\nos.write(1, {written.encode()!r})\nos.kill(os.getpid(), 9)\n")
    monkeypatch.setattr(launch, "LOCAL_RUNNER", runner)
    out = tmp_path / "out"
    environment = launch.child_environment(os.environ, out)
    assert run.execute(Config("custom"), out, environment) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(written)
    assert "Failed: the run was killed by SIGKILL (out of memory?):" in shown.splitlines()


def test_an_unknown_runner_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--beam", "ray"]) == 2
    assert (
        "there are dataflow, direct, flink, local-parallel, prism, spark" in capsys.readouterr().err
    )
