"""Folders of weights beside pushed models."""

from __future__ import annotations

from pathlib import Path

from modules.files.model_folder import write_manifest
from modules.training.kept_weights import KEPT, beside, outdated, place_of


def _version(push_folder: Path, number: int, learned_from: str) -> str:
    version = push_folder / str(number)
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    write_manifest(str(version), learned_from)
    return str(version)


def test_a_refreshed_version_has_the_weights_of_the_one_it_was_made_from(tmp_path: Path) -> None:
    push_folder = tmp_path / "pushed"
    digest, other = "ab" * 32, "cd" * 32
    place = place_of(_version(push_folder, 17, digest))
    assert place == str(tmp_path / "pushed_warm_start" / f"17-{digest[:16]}")
    Path(place).mkdir(parents=True)
    assert place_of(_version(push_folder, 18, digest)) == place
    assert place_of(_version(push_folder, 19, other)) != place


def test_a_version_of_unknown_origin_has_none(tmp_path: Path) -> None:
    assert place_of(_version(tmp_path / "pushed", 17, "")) is None


def test_the_newest_few_stay(tmp_path: Path) -> None:
    kept = tmp_path / "pushed_warm_start"
    for number in (1000, 99, 200, 3, 40):
        (kept / f"{number}-{'ab' * 8}").mkdir(parents=True)
    (kept / "notes").mkdir()
    old = [Path(path).name.split("-")[0] for path in outdated(str(tmp_path / "pushed"))]
    assert old == ["3", "40"] and KEPT == 3
    assert outdated(str(tmp_path / "none")) == []


def test_trainers_weights_are_beside_the_model() -> None:
    assert beside("/artifacts/model/7/Format-Serving") == "/artifacts/model/7/warm_start"
