"""Where a run reads code and writes results."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.paths import METADATA_FILE, PROJECT, Paths, package_metadata


def test_a_runs_files_are_below_its_folder_and_the_code_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = Paths.under("out")
    assert paths == Paths.under(tmp_path / "out")
    found = {name: Path(value) for name, value in dataclasses.asdict(paths).items()}
    code = {found.pop("schema"), found.pop("modules")}
    assert code == {PROJECT / "pipeline" / "schema", PROJECT / "modules"}
    assert all(folder.is_dir() for folder in code)
    assert {file.parent for file in found.values()} == {tmp_path / "out"}
    assert len(set(found.values())) == len(found)
    assert found["metadata"].name == METADATA_FILE
    assert list(tmp_path.iterdir()) == []  # nothing is created


def test_indexes_are_pushed_beside_the_models() -> None:
    paths = Paths.under("/out")
    assert paths.index_push_folder == "/out/pushed_index"


def test_the_packages_constants_are_read_without_running_its_setup() -> None:
    metadata = package_metadata()
    assert metadata["NAME"] == "session-retrieval"
    assert [part.isdigit() for part in metadata["VERSION"].split(".")[:2]] == [True, True]
