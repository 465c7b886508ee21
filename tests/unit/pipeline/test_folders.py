"""Folders that a command line names, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import batch_recommend
import demo
import recommend
import renew_index
import run
from pipeline import launch
from pipeline.folders import FolderError, output_folder

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
    assert run.main(["--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert f"got {out}: " in error and "Name another one with OUT=folder" in error
    assert not out.parent.exists()
    with pytest.raises(FolderError):  # TFX's command line by hand
        launch.find_config({launch.OUT_VARIABLE: str(out)})
    monkeypatch.setattr(launch, "PROJECT", tmp_path / name)  # a checkout there, and no OUT
    assert run.main([]) == 2
    assert "the default is output/ in the checkout" in capsys.readouterr().err


def test_a_run_is_refused_at_a_uri(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.main(["--out", "gs://bucket/out"]) == 2
    assert "OUT must be a folder of this machine, got gs://bucket/out" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("runner", "arguments"),
    [
        (recommend, ["--items", "a", "--model"]),
        (recommend, ["--items", "a", "--out"]),
        (demo, ["--model"]),
        (demo, ["--out"]),
        (renew_index, ["--items", "list.txt", "--out"]),
        (batch_recommend, ["--sessions", "a.tsv", "--to", "b", "--out"]),
    ],
)
def test_commands_that_look_into_a_local_folder_say_so(runner, arguments, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        runner.parse_arguments([*arguments, "gs://bucket/model"])
    assert ended.value.code == 2
    assert "gs://bucket/model is not on this machine: copy the folder" in capsys.readouterr().err
