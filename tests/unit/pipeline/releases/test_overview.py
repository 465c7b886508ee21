"""The table of versions, on folders that look like pushed models."""

from __future__ import annotations

import json
from pathlib import Path

from modules.files.learned_data import FILE
from modules.files.model_folder import RENEWAL_RECORD
from modules.releases.record import TRY, read_releases, record
from pipeline.forget.record import DELETE, RECORD
from pipeline.releases.change import Writer
from pipeline.releases.overview import format_overview, read_overview
from tests.unit.pipeline.releases.test_change import push


def test_a_version_of_which_nothing_is_known_is_listed_all_the_same(tmp_path: Path) -> None:
    place = push(tmp_path / "pushed", 1_441_929_600)
    (place / FILE).write_text("[]")
    (release,) = read_overview(tmp_path)
    assert (release["label"], release["day"], release["learned_until"]) == ("stable", None, None)
    assert release["pushed"] == release["serving_since"] == "2015-09-11T00:00:00Z"
    assert release["damage"] is None and release["megabytes"] >= 0
    (place / "saved_model.pb").unlink()
    (release,) = read_overview(tmp_path)
    assert release["damage"] == "saved_model.pb is missing"
    text = format_overview([release], read_releases(str(tmp_path / "pushed")))
    assert "damaged: saved_model.pb is missing" in text


def test_a_version_that_is_no_time_has_none(tmp_path: Path) -> None:
    push(tmp_path / "pushed", 7)
    (release,) = read_overview(tmp_path)
    assert release["pushed"] is release["serving_since"] is None


def test_withdrawn_versions_are_listed_in_order(tmp_path: Path) -> None:
    for version in (9, 10, 11):
        push(tmp_path / "pushed", version)
    Writer(tmp_path, "ann", "slow").rollback(None)
    record(str(tmp_path / "pushed"), TRY, "10", by="Pusher")
    found = read_overview(tmp_path)
    assert [(release["version"], release["label"]) for release in found] == [
        ("9", "stable"),
        ("10", "canary"),
        ("11", "withdrawn"),
    ]
    assert Path(found[-1]["folder"]).parent.name == "pushed_withdrawn"
    lines = format_overview(found, read_releases(str(tmp_path / "pushed"))).splitlines()
    assert lines[-2].endswith("try by Pusher") and lines[-1].endswith("withdraw by ann: slow")


def test_a_part_of_the_catalogue_and_forgotten_sessions_are_said(tmp_path: Path) -> None:
    place = push(tmp_path / "pushed", 7)
    push(tmp_path / "pushed", 8)
    record_path = place / RENEWAL_RECORD
    record_path.parent.mkdir(exist_ok=True)
    record_path.write_text(json.dumps({"catalogue": 2_000, "offered": 1_500}))
    (tmp_path / RECORD).write_text(json.dumps({DELETE: ["pushed/7"]}))
    found = read_overview(tmp_path)
    assert [(one["offered"], one["learned_forgotten"]) for one in found] == [
        (1_500, True),
        (None, False),
    ]
    lines = format_overview(found, read_releases(str(tmp_path / "pushed"))).splitlines()
    assert "1,500" in lines[1] and lines[1].endswith("learned sessions that were forgotten")
    assert " all " in lines[2]
