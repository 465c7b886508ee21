from __future__ import annotations

import time
from pathlib import Path

import pytest

from modules.files.model_versions import newest_version, next_version


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    for name in ("9", "10", "notes", "\u00b2", "11.unfinished", "9" * 30):
        (tmp_path / name).mkdir()
    assert newest_version(str(tmp_path)) == str(tmp_path / "10")


def test_no_version_is_pushed_yet(tmp_path: Path) -> None:
    assert newest_version(str(tmp_path)) is None
    assert newest_version(str(tmp_path / "missing")) is None


def test_a_version_that_leaves_no_room_above_it_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ("9" * 18)).mkdir()
    assert abs(int(Path(next_version(str(tmp_path))).name) - time.time()) < 60


@pytest.mark.parametrize("ahead", [-100, 5, 10**9])
def test_versions_rise_whatever_the_clock_says(tmp_path: Path, ahead: int) -> None:
    now = int(time.time())
    assert int(Path(next_version(str(tmp_path))).name) >= now
    (tmp_path / str(now + ahead)).mkdir()
    assert int(Path(next_version(str(tmp_path))).name) == max(int(time.time()), now + ahead + 1)
