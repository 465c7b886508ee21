"""A whole output folder without two sessions: nothing is left but what is listed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from modules.files.model_folder import model_damage
from pipeline.forget import forget as forgetting
from pipeline.forget.forget import forget
from pipeline.forget.record import RECORD
from pipeline.forget.texts import REQUESTS
from tests import forgettable_out as made

NAMES = (*made.IDS, made.ORPHAN)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return made.make(tmp_path / "out")


def holding(out: Path) -> set[str]:
    """Returns the files in which an id is left, whatever is around it."""
    return {
        str(path.relative_to(out))
        for path, content in made.bytes_of(out).items()
        if any(name in content for name in NAMES)
    }


def test_what_is_left_is_what_is_listed(out: Path) -> None:
    done = forget(out, made.IDS)
    listed = [str(path.relative_to(out)) for path in done.delete]
    assert listed == ["pushed/7"]
    assert not (out / "artifacts/Trainer/model/2").exists()
    left = holding(out)
    assert left and all(name.startswith(tuple(listed)) for name in left)
    assert {place for place in listed if any(name.startswith(place) for name in left)} == {*listed}
    assert done.missing == 0 and not done.busy
    assert len(done.counts) == 12


def test_later_runs_do_not_take_it_for_damage(out: Path) -> None:
    forget(out, made.IDS)
    assert made.digests(out).remove_damaged() == []
    assert made.digests(out).file_damage(out / "summary.json") is None
    assert model_damage(str(out / "pushed" / "7")) is None


def test_damage_that_was_there_before_is_still_found(out: Path) -> None:
    path = out / "artifacts/SessionExampleGen/examples/2/rejects/report.json"
    (path.parent / "other").write_text("added")
    forget(out, made.IDS)
    assert b"secret-1" not in path.read_bytes()
    assert [damage.what for damage in made.digests(out).remove_damaged()] == [
        "rejects/other was added later"
    ]


def test_a_dry_run_counts_and_lists_the_same_and_changes_nothing(out: Path) -> None:
    before = made.bytes_of(out)
    dry = forget(out, made.IDS, is_dry=True)
    assert made.bytes_of(out) == before
    assert dry == forget(out, made.IDS)
    assert dry.lines(True)[0].startswith("would remove")


def test_a_second_call_finds_nothing_more_and_still_lists(out: Path) -> None:
    first = forget(out, made.IDS)
    after = made.bytes_of(out)
    second = forget(out, made.IDS)
    assert (second.counts, second.missing) == ({}, 2)
    assert second.delete == first.delete and made.bytes_of(out) == after
    assert second.lines(False)[0] == "Nothing to remove."


@pytest.mark.parametrize("writes", range(0, 26, 4))
def test_after_an_interruption_the_same_command_does_the_rest(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    listed = forget(made.make(tmp_path / "whole"), made.IDS).delete
    replace, left = forgetting.replace_file, [writes]

    def stops(path: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(path, content)

    monkeypatch.setattr(forgetting, "replace_file", stops)
    with pytest.raises(KeyboardInterrupt):
        forget(out, made.IDS)
    monkeypatch.undo()
    done = forget(out, made.IDS)
    names = [str(path.relative_to(out)) for path in done.delete]
    assert names == [str(path.relative_to(tmp_path / "whole")) for path in listed]
    assert all(name.startswith(tuple(names)) for name in holding(out))
    assert made.digests(out).remove_damaged() == []
    assert model_damage(str(out / "pushed" / "7")) is None


def test_nothing_is_listed_once_it_is_deleted(out: Path) -> None:
    for path in forget(out, made.IDS).delete:
        shutil.rmtree(path)
    assert forget(out, made.IDS).delete == []
    assert not (out / RECORD).exists() and not holding(out)


def test_ids_that_nobody_knows_change_nothing(out: Path) -> None:
    before = made.bytes_of(out)
    done: Any = forget(out, [b"nobody"])
    assert (done.counts, done.delete, done.missing) == ({}, [], 1)
    assert made.bytes_of(out) == before


def test_a_request_log_may_lie_elsewhere(tmp_path: Path) -> None:
    log = made.requests(tmp_path / "server")
    (tmp_path / "out").mkdir()
    done = forget(tmp_path / "out", made.IDS, requests=log.parent)
    assert done.counts == {REQUESTS: (1, 1)}
    assert b"secret-1" not in log.read_bytes() and b"other-3" in log.read_bytes()
    assert [path.name for path in log.parent.iterdir()] == [log.name]
