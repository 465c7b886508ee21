"""The record of releases, in real folders and at URIs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modules.releases.record import (
    PAUSE,
    PROMOTE,
    RESUME,
    TRY,
    WITHDRAW,
    folder_of,
    read_actions,
    read_releases,
    record,
)
from tests import file_uris

VERSIONS = ("1", "2", "10")


@pytest.fixture(params=[str, file_uris.uri], ids=["path", "URI"])
def pushed(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    folder: str = request.param(tmp_path / "pushed")
    return folder


def test_without_actions_the_newest_version_is_stable_and_nothing_is_paused(pushed: str) -> None:
    releases = read_releases(pushed)
    assert releases.labels(VERSIONS) == {"1": "", "2": "", "10": "stable"}
    assert (releases.canary, releases.paused, releases.unreadable) == (None, None, ())
    assert read_releases(pushed).labels([]) == {}


def test_a_withdrawn_version_leaves_the_one_before_it_stable_until_it_is_promoted(
    pushed: str,
) -> None:
    record(pushed, WITHDRAW, "10", "digest", "ann", "slow")
    releases = read_releases(pushed)
    assert releases.labels(VERSIONS) == {"1": "", "2": "stable", "10": "withdrawn"}
    withdrawal = releases.withdrawal("10")
    assert withdrawal and (withdrawal.by, withdrawal.why) == ("ann", "slow")
    assert releases.withdrawn_training("digest") == withdrawal
    assert releases.withdrawn_training("other") is releases.withdrawn_training("") is None
    record(pushed, PROMOTE, "10", "digest")
    releases = read_releases(pushed)
    assert releases.labels(VERSIONS)["10"] == "stable"
    assert releases.withdrawn_training("digest") is None


def test_one_version_is_on_trial_and_those_before_it_are_held(pushed: str) -> None:
    record(pushed, TRY, "2")
    assert read_releases(pushed).labels(VERSIONS[:2]) == {"1": "stable", "2": "canary"}
    record(pushed, TRY, "10")
    assert read_releases(pushed).labels(VERSIONS) == {"1": "stable", "2": "held", "10": "canary"}
    record(pushed, PROMOTE, "10")
    releases = read_releases(pushed)
    assert releases.labels(VERSIONS) == {"1": "", "2": "held", "10": "stable"}
    assert releases.canary is None


def test_pushing_is_paused_until_it_is_resumed(pushed: str) -> None:
    record(pushed, PAUSE, by="ann", why="holidays")
    paused = read_releases(pushed).paused
    assert paused and str(paused) == f"by ann on {paused.time}: holidays"
    record(pushed, RESUME)
    assert read_releases(pushed).paused is None


def test_two_writers_lose_no_action_of_each_other(pushed: str) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 50):
            record(pushed, TRY, str(number))

    writers = [threading.Thread(target=write, args=(start,)) for start in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    actions, unreadable = read_actions(pushed)
    assert sorted(int(action.version) for action in actions) == [*range(50), *range(100, 150)]
    assert [int(a.version) for a in actions if int(a.version) < 100] == list(range(50))
    assert not unreadable


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"name": "withdraw"}', '{"name": 1, "version": "1", "training": "", "time": ""}'],
)
def test_files_that_are_no_actions_are_named_and_left_out(tmp_path: Path, text: str) -> None:
    pushed = str(tmp_path / "pushed")
    record(pushed, WITHDRAW, "10")
    folder = Path(folder_of(pushed))
    (folder / "0.json").write_text(text)
    (folder / "1.json").write_bytes(b"\xff")
    (folder / "note.txt").write_text("not looked at")
    releases = read_releases(pushed)
    assert releases.unreadable == ("0.json", "1.json")
    assert list(releases.last) == ["10"]
