"""What is removed from an output folder, and what stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.config.options.releases import KeepOptions
from modules.copies.restricted_model import TRAINED
from modules.files.model_folder import RENEWAL_RECORD, write_json
from modules.releases.record import TRY, record
from pipeline.releases.change import Writer
from pipeline.run.retention import outdated, remove_outdated
from tests import made_up_runs as runs
from tests.unit.pipeline.releases.test_change import push


def _artifact(out: Path, name: str, content: str = "x") -> Path:
    place = out / "artifacts" / name
    place.mkdir(parents=True)
    (place / "data").write_text(content)
    return place


def _names(out: Path, found: list[Path]) -> list[str]:
    return [str(path.relative_to(out)) for path in found]


def test_the_newest_outputs_stay_and_more_of_those_that_are_compared(tmp_path: Path) -> None:
    for number in (1, 9, 10, 11):
        _artifact(tmp_path, f"Trainer/model/{number}")
        _artifact(tmp_path, f"ModelGate/verdict/{number}")
    _artifact(tmp_path, "Trainer/model/.temp")
    options = KeepOptions(outputs=2, compared=3)
    assert _names(tmp_path, outdated(tmp_path, options)) == [
        "artifacts/ModelGate/verdict/1",
        "artifacts/Trainer/model/1",
        "artifacts/Trainer/model/9",
    ]
    in_use = [str(tmp_path / "artifacts" / "Trainer" / "model" / "1")]
    assert "artifacts/Trainer/model/1" not in _names(tmp_path, outdated(tmp_path, options, in_use))


def test_versions_that_serve_or_are_on_trial_stay(tmp_path: Path) -> None:
    for version in range(1, 8):
        push(tmp_path / "pushed", version)
    for version in ("7", "6", "5", "4", "3"):
        Writer(tmp_path, "ann", "").rollback(None)
        assert (tmp_path / "pushed_withdrawn" / version).is_dir()
    record(str(tmp_path / "pushed"), TRY, "2")
    # The stable version is 1, the one on trial 2.
    found = _names(tmp_path, outdated(tmp_path, KeepOptions(versions=2)))
    assert found == [f"pushed_withdrawn/{version}" for version in (3, 4, 5)]


def _refreshed(folder: Path, version: int, base: int, **more: int) -> None:
    place = push(folder, version, f"training of {base}")
    record_of = {"base": str(folder / str(base)), TRAINED: str(base), **more}
    write_json(str(place), RENEWAL_RECORD, record_of)


def test_refreshed_versions_take_no_place_of_trained_ones(tmp_path: Path) -> None:
    folder = tmp_path / "pushed"
    for training in (10, 20, 30, 40):
        push(folder, training)
        for version in range(training + 1, training + 4):
            _refreshed(folder, version, training, until=version)
    options = KeepOptions(versions=3)
    # A rollback from version 41 leads to 40, one from there to 33.
    found = _names(tmp_path, outdated(tmp_path, options))
    assert found == [f"pushed/{version}" for version in (10, 11, 12, 13, 21, 22, 23, 31, 32)]
    _refreshed(folder, 44, 40)  # by a list
    assert _names(tmp_path, outdated(tmp_path, options)) == [*found, "pushed/41"]
    assert outdated(tmp_path, KeepOptions(versions=None)) == []
    Writer(tmp_path, "ann", "").rollback("40")
    found = _names(tmp_path, outdated(tmp_path, options))
    assert "pushed/33" not in found and "pushed/40" not in found


def test_reports_and_logs_of_old_runs_go_and_their_summaries_stay(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(3):
        folder = runs.finish(tmp_path, number)
        (tmp_path / "logs" / f"{number}.log").write_text("x")
        for path in (folder, tmp_path / "logs" / f"{number}.log"):
            os.utime(path, (number, number))
    for name in ("2015-09-11T080000Z", "2015-09-12T080000Z"):
        (tmp_path / "monitor" / name).mkdir(parents=True)
    removed = remove_outdated(tmp_path, KeepOptions(reports=1, logs=2))
    assert _names(tmp_path, removed.paths) == [
        "logs/0.log",
        "monitor/2015-09-11T080000Z",
        "runs/2015-09-11-1/report.html",
        "runs/2015-09-12-1/report.html",
    ]
    assert not any(path.exists() for path in removed.paths)
    assert len(list(tmp_path.glob("runs/*/summary.json"))) == 3


@pytest.mark.parametrize("dry_run", [False, True])
def test_shared_files_count_when_their_last_name_goes(tmp_path: Path, dry_run: bool) -> None:
    for number in (1, 2, 3, 4):
        place = _artifact(tmp_path, f"Trainer/model/{number}", "x" * 1000)
        if number == 1:
            (tmp_path / "elsewhere").hardlink_to(place / "data")
    removed = remove_outdated(tmp_path, KeepOptions(outputs=2), dry_run=dry_run)
    assert (len(removed.paths), removed.bytes) == (2, 1000)
    assert removed.paths[0].exists() == dry_run
    assert removed.text() == "Removed 2 files and folders of earlier runs, 0.0 MB (section keep)"


def test_nothing_is_removed_without_limits_or_from_an_empty_folder(tmp_path: Path) -> None:
    assert outdated(tmp_path / "none", KeepOptions()) == []
    for number in range(50):
        _artifact(tmp_path, f"Trainer/model/{number}")
    assert outdated(tmp_path, KeepOptions(outputs=None)) == []


def test_the_newest_interrupted_training_can_be_resumed(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        folder = tmp_path / "checkpoints" / name / "choose"
        folder.mkdir(parents=True)
        os.utime(folder.parent, (1_000 - age, 1_000 - age))
    found = _names(tmp_path, outdated(tmp_path, KeepOptions()))
    assert sorted(found) == ["checkpoints/older", "checkpoints/oldest"]
    remove_outdated(tmp_path, KeepOptions(checkpoints=0))
    assert not list((tmp_path / "checkpoints").iterdir())
