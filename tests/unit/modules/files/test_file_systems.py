"""Files of this machine and at URIs, by the same calls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.files.file_systems import (
    Elsewhere,
    FilePatternError,
    ThisMachine,
    place_of,
    tensorflow_schemes,
)
from modules.files.patterns import find_files
from tests import file_uris


@pytest.fixture(params=[ThisMachine, Elsewhere])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder with a file and a folder, on this machine or at a URI."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.tsv").write_text("x")
    return str(tmp_path) if request.param is ThisMachine else file_uris.uri(tmp_path)


def test_what_stands_at_a_path(root: str) -> None:
    place = place_of(root)
    assert sorted(place.names(root)) == ["file.tsv", "folder"]
    found = {
        name: (place.exists(path), place.is_folder(path), place.is_file(path))
        for name in ("folder", "file.tsv", "none")
        for path in [f"{root}/{name}"]
    }
    assert found == {
        "folder": (True, True, False),
        "file.tsv": (True, False, True),
        "none": (False, False, False),
    }


def test_a_folder_that_cannot_be_listed_raises_what_the_place_announces(root: str) -> None:
    place = place_of(root)
    with pytest.raises(place.errors):
        place.names(f"{root}/none")


def test_all_names_of_a_file_on_this_machine_have_one_identity(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    (tmp_path / "link").symlink_to("a")
    os.link(tmp_path / "a", tmp_path / "hard")
    names = {name: ThisMachine().identity(str(tmp_path / name)) for name in os.listdir(tmp_path)}
    assert names["a"] == names["link"] == names["hard"] != names["b"]


def test_the_working_directory_may_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tsv").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert ThisMachine().is_folder("") and ThisMachine().names("") == ["a.tsv"]


def test_a_broken_link_exists_and_is_refused_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    link = str(tmp_path / "link")
    assert ThisMachine().exists(link)
    with pytest.raises(FilePatternError, match="is a link to gone, which does not exist"):
        ThisMachine().is_file(link)


def test_models_may_be_where_tensorflow_alone_reads() -> None:
    assert isinstance(place_of("ram://models/7", tensorflow_schemes), Elsewhere)
    with pytest.raises(FilePatternError, match=r"ram:// cannot be opened here, but .*file://"):
        place_of("ram://models/7")


@pytest.mark.parametrize("uri", ["s3://bucket/a.tsv", "https://host/*.tsv", "hdfs://host/a.tsv"])
def test_a_scheme_that_cannot_be_read_is_refused(uri: str) -> None:
    scheme = uri.partition("://")[0]
    with pytest.raises(FilePatternError) as caught:
        find_files(uri)
    assert str(caught.value).startswith(f"{uri}: {scheme}:// cannot be opened here, but ")
    assert "copy the files" in str(caught.value)
