"""The command `clean`, on a folder that looks like that of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.config import load_config, write_config
from pipeline.run.lock import STARTING, exclusive


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for number in range(5):
        (tmp_path / "artifacts" / "Trainer" / "model" / str(number)).mkdir(parents=True)
    write_config(load_config("sample"), tmp_path / "config.yaml")
    (tmp_path / "metadata.sqlite").touch()
    return tmp_path


def test_what_would_be_removed_is_listed_and_then_removed(out: Path, capsys) -> None:
    model = out / "artifacts" / "Trainer" / "model"
    assert main(["clean", "--out", str(out), "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-1] == [str(model / "0"), str(model / "1")]
    assert printed[-1].startswith("Would remove 2 files and folders of earlier runs")
    assert len(list(model.iterdir())) == 5
    assert main(["clean", "--out", str(out), "--set", "keep.outputs=2"]) == 0
    assert sorted(path.name for path in model.iterdir()) == ["3", "4"]


def test_a_folder_in_use_and_one_without_runs_are_left(out: Path, tmp_path: Path, capsys) -> None:
    with exclusive(out, STARTING):
        assert main(["clean", "--out", str(out)]) == 1
    assert "uses" in capsys.readouterr().err
    assert main(["clean", "--out", str(tmp_path / "none")]) == 1
