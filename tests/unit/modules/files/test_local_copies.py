"""Folders at URIs, for libraries that open files of this machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.local_copies import local_copy
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
