"""The folders that keep past runs."""

import datetime
import json

import pytest

from modules.releases.record import WITHDRAW, record
from pipeline.config import load_config
from pipeline.run.run_folders import (
    FAILURE_FILE,
    record_event,
    record_run,
    recorded_folders,
    repeated_run,
    run_folders,
)
from pipeline.run.summary_file import FORMAT, SUMMARY_FILE
from tests import made_up_runs as runs

STARTED = datetime.datetime(2015, 9, 12, 3, tzinfo=datetime.timezone.utc).timestamp()


def _record(out, day=None, report=None, identity="a"):
    window = {"day": day} if day else None
    summary = {"format": FORMAT, "window": window, "report": report}
    return record_run(out, load_config("sample"), summary, STARTED, identity)


def test_runs_are_numbered_by_day_and_none_is_overwritten(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>")
    names = [
        _record(tmp_path, "2015-09-11", str(page), identity="b").name,
        _record(tmp_path, "2015-09-10").name,
        _record(tmp_path, "2015-09-11").name,
        _record(tmp_path).name,
    ]
    assert names == ["2015-09-11-1", "2015-09-10-1", "2015-09-11-2", "2015-09-12-1"]
    runs = run_folders(tmp_path)
    assert [(run.day, run.number) for run in runs] == [
        ("2015-09-10", 1),
        ("2015-09-11", 1),
        ("2015-09-11", 2),
        ("2015-09-12", 1),
    ]
    assert (runs[1].path / "report.html").read_text() == "<html>"
    assert runs[1].identity() == "b"
    assert load_config(str(runs[0].path / "config.yaml")) == load_config("sample")


def test_numbered_days_are_ordered_as_numbers_and_half_a_folder_is_no_run(tmp_path):
    for day in ("9", "10"):
        _record(tmp_path, day)
    (tmp_path / "runs" / "11-1").mkdir()
    assert [run.day for run in run_folders(tmp_path)] == ["9", "10"]


def test_a_damaged_record_is_no_identity(tmp_path):
    folder = _record(tmp_path, "9")
    (folder / "identity.json").write_text("[1")
    assert run_folders(tmp_path)[0].identity() == ""


def test_failed_runs_are_numbered_with_the_others_and_are_not_finished(tmp_path):
    _record(tmp_path, "2015-09-11")
    failed = record_event(tmp_path, FAILURE_FILE, {"cause": "x"}, STARTED, "2015-09-11")
    _record(tmp_path, "2015-09-11")
    undated = record_event(tmp_path, FAILURE_FILE, {"cause": "x"}, STARTED)
    assert [failed.name, undated.name] == ["2015-09-11-2", "2015-09-12-1"]
    assert [run.path.name for run in run_folders(tmp_path)] == ["2015-09-11-1", "2015-09-11-3"]
    assert len(recorded_folders(tmp_path)) == 4
    content = json.loads((failed / FAILURE_FILE).read_text())
    assert content == {"started": "2015-09-12T03:00:00Z", "cause": "x"}


def _finish(out, identity, **changes):
    (out / "pushed" / "1").mkdir(parents=True, exist_ok=True)
    (out / "pushed" / "1" / "saved_model.pb").write_text("graph")
    folder = runs.finish(out, 0, **changes)
    (folder / "identity.json").write_text(json.dumps({"identity": identity}))
    return folder


def test_only_the_newest_run_of_a_day_is_repeated(tmp_path):
    day = runs.day_of(0)
    assert repeated_run(tmp_path, day, "a") is None
    first = _finish(tmp_path, "a")
    assert repeated_run(tmp_path, day, "a").path == first
    second = _finish(tmp_path, "b")
    assert repeated_run(tmp_path, day, "a") is None  # options that were changed back
    assert repeated_run(tmp_path, day, "b").path == second
    assert repeated_run(tmp_path, runs.day_of(1), "b") is None


def test_a_failed_check_of_serving_and_a_damaged_record_are_run_again(tmp_path):
    day = runs.day_of(0)
    _finish(tmp_path, "a", serving_check={"passed": False, "reasons": ["busy"]})
    assert repeated_run(tmp_path, day, "a") is None
    folder = _finish(tmp_path, "a")
    assert repeated_run(tmp_path, day, "a")
    (folder / SUMMARY_FILE).write_text("{")
    assert repeated_run(tmp_path, day, "a") is None


def test_a_day_whose_version_is_lost_is_run_again_unless_it_was_removed_on_purpose(tmp_path):
    day = runs.day_of(0)
    _finish(tmp_path, "a")
    (tmp_path / "pushed" / "1" / "saved_model.pb").unlink()
    assert repeated_run(tmp_path, day, "a") is None
    (tmp_path / "pushed" / "1").rmdir()
    assert repeated_run(tmp_path, day, "a") is None
    record(str(tmp_path / "pushed"), WITHDRAW, "1")
    assert repeated_run(tmp_path, day, "a")


@pytest.mark.parametrize("name", ["2015-09-12-1-1", "2015-13-99-1", "notes", "12345678901-1"])
def test_folders_of_other_names_are_left_out(tmp_path, name):
    (tmp_path / "runs" / name).mkdir(parents=True)
    assert recorded_folders(tmp_path) == []
