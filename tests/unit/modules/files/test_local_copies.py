"""Folders at URIs, for libraries that open files of this machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.local_copies import copy_folder, local_copy
from tests import file_uris

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"\0", "a/b/c d": b"x"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file_uris.write(f"{tmp_path}/model/{name}", content)
    return tmp_path / "model"


def test_a_folder_at_a_uri_is_copied_with_all_below_it(folder: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    copies = [Path(local_copy(file_uris.uri(folder) + end, str(scratch))) for end in ("", "/")]
    assert copies[0] != copies[1]
    for copy in copies:
        assert copy.parent == scratch
        found = (path for path in copy.rglob("*") if path.is_file())
        assert {str(path.relative_to(copy)): path.read_bytes() for path in found} == FILES


def test_a_local_folder_is_not_copied(folder: Path, tmp_path: Path) -> None:
    assert local_copy(str(folder), str(tmp_path)) == str(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def _content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_local_copy_takes_no_space_of_its_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "old").write_text("gone after")
    copy_folder(str(folder), str(tmp_path / "copy"), without="a/b/c d")
    expected = {name: content for name, content in FILES.items() if name != "a/b/c d"}
    assert _content(tmp_path / "copy") == expected
    for name in expected:
        assert (tmp_path / "copy" / name).samefile(folder / name)


@pytest.mark.parametrize("remote", [0, 1])
def test_a_copy_at_a_uri_has_files_of_its_own(folder: Path, tmp_path: Path, remote: int) -> None:
    names = [str(folder), str(tmp_path / "copy")]
    names[remote] = file_uris.uri(names[remote])
    copy_folder(*names)
    assert _content(tmp_path / "copy") == FILES
    assert not (tmp_path / "copy" / "saved_model.pb").samefile(folder / "saved_model.pb")


def test_without_hard_links_files_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", fail)
    copy_folder(str(folder), str(tmp_path / "copy"))
    assert _content(tmp_path / "copy") == FILES
