from __future__ import annotations

from pathlib import Path

from components.pusher.executor import newest_version


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    for name in ("9", "10", "notes"):
        (tmp_path / name).mkdir()
    assert newest_version(str(tmp_path)) == str(tmp_path / "10")


def test_no_version_is_pushed_yet(tmp_path: Path) -> None:
    assert newest_version(str(tmp_path)) is None
    assert newest_version(str(tmp_path / "missing")) is None
