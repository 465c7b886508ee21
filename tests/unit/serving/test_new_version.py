"""A version is there at once, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.new_version import NewVersion, new_version


def _write(version: NewVersion) -> None:
    version.unfinished.mkdir()
    (version.unfinished / "saved_model.pb").touch()


def test_a_whole_version_is_pushed_under_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with new_version(tmp_path) as version:
        _write(version)
        assert [path.name for path in tmp_path.glob("[!.]*")] == ["7"]  # nobody sees it yet
    assert int(version.pushed.name) > 7
    assert (version.pushed / "saved_model.pb").is_file() and not version.unfinished.exists()


def test_its_number_is_above_those_of_versions_that_came_meanwhile(tmp_path: Path) -> None:
    with new_version(tmp_path) as version:
        _write(version)
        (tmp_path / "99999999999").mkdir()
    assert version.pushed.name == "100000000000"


def test_a_failure_or_a_failed_check_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("too late")

    with pytest.raises(ValueError, match="no"), new_version(tmp_path) as version:
        _write(version)
        raise ValueError("no")
    with pytest.raises(ValueError, match="too late"), new_version(tmp_path, fail) as version:
        _write(version)
    assert not list(tmp_path.iterdir()) and version.folder is None


def test_two_at_once_get_different_numbers(tmp_path: Path) -> None:
    with new_version(tmp_path) as one, new_version(tmp_path) as other:
        _write(one)
        _write(other)
    assert one.pushed != other.pushed
    assert one.pushed.is_dir() and other.pushed.is_dir()


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f".unfinished-{name}").mkdir()
    os.utime(tmp_path / ".unfinished-old", (0, 0))
    with new_version(tmp_path) as version:
        _write(version)
    assert [path.name for path in tmp_path.glob(".*")] == [".unfinished-new"]
