from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.releases.record import PROMOTE, TRY, WITHDRAW, record
from modules.releases.versions import (
    claim_version,
    newest_version,
    next_version,
    settle,
    stable_version,
    usable_versions,
    withdrawn_folder,
)
from tests import file_uris


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


@pytest.mark.parametrize("name_of", [str, file_uris.uri], ids=["path", "URI"])
def test_withdrawn_versions_lie_beside_the_others_until_they_are_promoted(
    tmp_path: Path, name_of: Callable[[Path], str]
) -> None:
    pushed = name_of(tmp_path / "pushed")
    settle(pushed)  # nothing was pushed yet
    for number in (1, 2, 3):
        (tmp_path / "pushed" / str(number)).mkdir(parents=True)
        (tmp_path / "pushed" / str(number) / "saved_model.pb").write_text("graph")
    record(pushed, WITHDRAW, "3")
    assert stable_version(pushed) == f"{pushed}/2"
    settle(pushed)
    assert (tmp_path / "pushed_withdrawn" / "3" / "saved_model.pb").exists()
    assert newest_version(pushed) == f"{pushed}/2"
    settle(pushed)
    record(pushed, PROMOTE, "3")
    settle(pushed)
    assert stable_version(pushed) == f"{pushed}/3"
    assert not list(Path(file_uris.local(withdrawn_folder(pushed))).iterdir())


def test_versions_rise_above_withdrawn_ones(tmp_path: Path) -> None:
    (tmp_path / "pushed_withdrawn" / "4102444800").mkdir(parents=True)
    assert next_version(str(tmp_path / "pushed")) == str(tmp_path / "pushed" / "4102444801")


def test_versions_on_trial_are_neither_stable_nor_used(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "saved_model.pb").write_text("graph")
    record(str(tmp_path), TRY, "2")
    assert list(usable_versions(str(tmp_path))) == [stable_version(str(tmp_path))]
    assert stable_version(str(tmp_path)) == str(tmp_path / "1")


@pytest.mark.parametrize("name_of", [str, file_uris.uri], ids=["path", "URI"])
def test_two_pushers_never_have_the_same_version(
    tmp_path: Path, name_of: Callable[[Path], str]
) -> None:
    pushed, claimed = name_of(tmp_path / "pushed"), []
    meeting = threading.Barrier(4)

    def push() -> None:
        for _ in range(10):
            meeting.wait()
            version = claim_version(pushed)
            claimed.append(version)
            Path(file_uris.local(version)).mkdir(parents=True, exist_ok=True)

    pushers = [threading.Thread(target=push) for _ in range(4)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    assert len(claimed) == len(set(claimed)) == 40
