"""Folders that a command line names, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.folders import local_path, output_folder


@pytest.mark.parametrize(
    "name", ["two words", "it's", "{1}", "#1", "~x", "Käse 🧀", "a,b", "$HOME"]
)
def test_a_folder_that_no_pattern_is_can_be_used(tmp_path: Path, name: str, monkeypatch) -> None:
    assert output_folder(tmp_path / name) == tmp_path / name
    monkeypatch.chdir(tmp_path)
    assert output_folder(name) == tmp_path / name


def test_every_command_means_the_same_by_a_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name, path in (("~/out", "home/out"), ("out", "out"), ("a/../out", "out")):
        assert output_folder(name) == local_path(name) == tmp_path / path
    (tmp_path / "~").mkdir()
    assert output_folder("~/out") == local_path("~/out") == tmp_path / "home" / "out"
    (tmp_path / "~" / "out").mkdir()
    assert output_folder("~/out") == local_path("~/out") == tmp_path / "~" / "out"
