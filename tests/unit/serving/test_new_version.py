"""A version is there at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.new_version import new_version


def test_a_whole_version_is_pushed_under_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with new_version(tmp_path) as version:
        version.unfinished.mkdir()
        (version.unfinished / "saved_model.pb").touch()
        assert not (version.folder / "saved_model.pb").exists()
    assert int(version.folder.name) > 7
    assert (version.folder / "saved_model.pb").is_file() and not version.unfinished.exists()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), new_version(tmp_path) as version:
        version.unfinished.mkdir()
        raise ValueError("no")
    assert not list(tmp_path.iterdir())


def test_two_at_once_get_different_numbers(tmp_path: Path) -> None:
    with new_version(tmp_path) as one, new_version(tmp_path) as other:
        for version in (one, other):
            version.unfinished.mkdir()
            (version.unfinished / "saved_model.pb").touch()
    assert one.folder != other.folder
    assert one.folder.is_dir() and other.folder.is_dir()
