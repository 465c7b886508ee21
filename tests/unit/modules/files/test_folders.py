"""Folders that a command line names, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.folders import FolderError, check_new_folder, local_path, output_folder


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


def test_a_new_folder_can_be_made_or_is_empty_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "new/below", "empty", "empty/new"):
        check_new_folder(str(tmp_path / name))
    check_new_folder("gs://bucket/new")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is not an empty folder: name another one"),
        ("file", "is not an empty folder: name another one"),
        ("link", "is not an empty folder: name another one"),
        ("file/new", "file/new cannot be made: Not a directory"),
        ("x" * 300, "cannot be made: File name too long"),
    ],
)
def test_another_folder_is_refused(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "lost")
    with pytest.raises(FolderError, match=words):
        check_new_folder(str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
