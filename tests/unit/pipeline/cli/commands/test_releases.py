"""The command `releases`, on folders that look like pushed models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.daily.model_day import write_day
from modules.files.learned_data import LearnedData, write_learned
from pipeline.cli.main import main
from pipeline.history.rows import read_history
from tests import made_up_runs as runs
from tests.unit.pipeline.releases.test_change import push


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for version, day in ((1, "2015-09-11"), (2, "2015-09-12")):
        place = str(push(tmp_path / "pushed", version))
        write_learned(place, LearnedData(("train",), 9, 30, 5, 0, 1_441_929_600_000, 0, ""))
        write_day(place, day)
        runs.finish(tmp_path, version - 1)
    return tmp_path


def test_the_table_says_what_serves_and_how_good_it_is(out: Path, capsys) -> None:
    assert main(["releases", "--out", str(out)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["Version", "label", "day"]
    assert first.split()[:3] == ["1", "-", "2015-09-11"]
    assert second.split()[:3] == ["2", "stable", "2015-09-12"]
    assert "2015-09-11 00:00" in second


def test_a_rollback_is_said_with_its_reason_and_changes_what_serves(out: Path, capsys) -> None:
    words = ["--out", str(out), "--by", "ann", "--why", "clicks fell"]
    assert main(["releases", "rollback", *words]) == 0
    assert capsys.readouterr().out == "Rolled back from 2.\n"
    assert main(["releases", "--out", str(out), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["label"], second["label"]) == ("stable", "withdrawn")
    assert first["serving_since"] == second["last_action"]["time"]
    action = second["last_action"]
    assert (action["name"], action["by"], action["why"]) == ("withdraw", "ann", "clicks fell")
    assert main(["releases", "--out", str(out)]) == 0
    assert "withdraw by ann: clicks fell" in capsys.readouterr().out
    assert main(["releases", "promote", "2", "--out", str(out)]) == 0
    assert capsys.readouterr().out == "Promoted 2.\n"


def test_pausing_is_said_below_the_table(out: Path, capsys) -> None:
    assert main(["releases", "pause", "--out", str(out), "--by", "ann", "--why", "sale"]) == 0
    assert main(["releases", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("Pushing was paused by ann on ")
    assert main(["releases", "resume", "--out", str(out)]) == 0
    assert main(["releases", "resume", "--out", str(out)]) == 1
    assert "Pushing is not paused." in capsys.readouterr().err


def test_without_any_version_the_message_says_so(tmp_path: Path, capsys) -> None:
    assert main(["releases", "rollback", "--out", str(tmp_path)]) == 1
    assert "Nothing has been pushed" in capsys.readouterr().err


def test_changes_are_in_the_history_with_what_served_after_them(out: Path) -> None:
    words = ["--out", str(out), "--by", "ann", "--why", "slow"]
    for change in ("rollback", "pause", "resume", "promote 2"):
        assert main(["releases", *change.split(), *words]) == 0
    rows = read_history(out).rows[2:]
    assert [(row["verdict"], row["reasons"][0], row["served_version"]) for row in rows] == [
        ("rolled back from", "version 2 by ann: slow", "1"),
        ("paused", "by ann: slow", "1"),
        ("resumed", "by ann: slow", "1"),
        ("promoted", "version 2 by ann: slow", "2"),
    ]
    page = (out / "history.html").read_text("utf-8")
    assert "rolled back from" in page and "release.json" in page
