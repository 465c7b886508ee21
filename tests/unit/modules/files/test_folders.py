"""Folders that a command line names, and what is refused before anything runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules.files.folders import FolderError, local_folder, output_folder
from pipeline.cli import recommend
from pipeline.cli.main import main
from pipeline.config import load_config
from pipeline.paths import PROJECT
from pipeline.run import launch

ODD = ["[1]", "what?", "a*b", "back\\slash"]


@pytest.mark.parametrize(
    "name", ["two words", "it's", "{1}", "#1", "~x", "Käse 🧀", "a,b", "$HOME"]
)
def test_a_folder_that_no_pattern_is_can_be_used(tmp_path: Path, name: str, monkeypatch) -> None:
    assert output_folder(tmp_path / name) == tmp_path / name
    monkeypatch.chdir(tmp_path)
    assert output_folder(name) == tmp_path / name


@pytest.mark.parametrize("name", ODD)
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--items", "a", "--model"],
        ["recommend", "--items", "a", "--out"],
        ["serve", "--model"],
        ["serve", "--out"],
        ["refresh", "--items", "list.txt", "--out"],
        ["refresh", "--items"],
        ["batch", "--sessions", "a.tsv", "--to", "b", "--out"],
    ],
)
def test_commands_that_look_into_a_local_folder_say_so(arguments, capsys) -> None:
    assert main([*arguments, "gs://bucket/model"]) == 2
    assert "gs://bucket/model is not on this machine: copy it here" in capsys.readouterr().err


def test_every_command_means_the_same_by_a_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name, path in (("~/out", "home/out"), ("out", "out"), ("a/../out", "out")):
        assert output_folder(name) == local_folder(name) == tmp_path / path
    (tmp_path / "~").mkdir()
    assert output_folder("~/out") == local_folder("~/out") == tmp_path / "home" / "out"
    (tmp_path / "~" / "out").mkdir()
    assert output_folder("~/out") == local_folder("~/out") == tmp_path / "~" / "out"


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--items", "a", "--model"],
        ["serve", "--out"],
        ["refresh", "--items"],
        ["batch", "--sessions", "a.tsv", "--to", "b", "--out"],
    ],
)
def test_a_name_that_no_folder_can_have_is_refused(arguments, capsys) -> None:
    assert main([*arguments, "x" * 5000]) == 2
    errors = capsys.readouterr().err
    assert "cannot be accessed: File name too long" in errors and "x" * 201 not in errors


def test_a_preset_and_data_that_no_file_can_be_called_are_refused(tmp_path: Path, capsys) -> None:
    for named in (["--preset", "x" * 5000], ["--train", "x" * 5000]):
        assert main(["run", *named, "--out", str(tmp_path)]) == 2
        errors = capsys.readouterr().err
        assert "is not usable:" in errors and "Cannot write" not in errors
        assert "x" * 1001 not in errors


def test_a_preset_is_found_at_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("data: {train: t.tsv}\n")
    assert load_config("~/mine.yaml", data=None).name == "mine"


def test_answers_are_refused_where_nobody_can_write(capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--sessions", "a.tsv", "--model", "none", "--to", "s3://bucket/answers"]
    assert main(["batch", *where]) == 1
    assert "s3://bucket/answers: s3:// cannot be opened here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("a, b ,,c", ["a", "b", "c"]),
        ("\ufeffa,\u3000b", ["a", "b"]),
        ("\x1ca,b\x1f", ["\x1ca", "b\x1f"]),
    ],
)
def test_items_are_read_as_a_click_log_has_them(typed: str, asked: list[str], monkeypatch) -> None:
    """Blanks around an item go, and the separators that logs keep in ids stay."""
    seen: list[list[str]] = []
    monkeypatch.setattr(recommend, "_ask_model", lambda _, items, k: seen.append(items) or [])
    assert main(["recommend", "--items", typed, "--model", "any"]) == 0
    assert seen == [asked]
