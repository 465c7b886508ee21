"""The training data of a served version, through ML Metadata; what is gone is named."""

from __future__ import annotations

import itertools
import shutil

import numpy as np

from pipeline.monitor.training_data import Models, Sessions, read_sessions
from serving.lineage import record
from tests.served_models import finish_run, write_examples, write_version

SESSIONS = [["a", "b"], ["a", "c", "a"]]


def test_the_run_that_pushed_a_version_has_its_training_data(tmp_path):
    finish_run(tmp_path, [["x", "y"]], 6, "run-0")
    finish_run(tmp_path, SESSIONS, 7, "run-1")
    found = Models(tmp_path, None).find("7")
    assert (found.run_id, found.folder) == ("run-1", str(tmp_path / "pushed" / "7"))
    assert found.known == (b"a", b"b", b"c")
    assert found.sessions.items.tolist() == [b"a", b"b", b"a", b"c", b"a"]
    assert found.sessions.offsets.tolist() == [0, 2, 5]
    assert found.learned.sessions == 2 and found.missing == ()
    assert found.statistics.datasets[0].features


def test_a_refreshed_version_has_the_data_of_its_base(tmp_path):
    finish_run(tmp_path, SESSIONS)
    places = [tmp_path / "pushed" / name for name in ("7", "8", "9")]
    for base, folder in itertools.pairwise(places):
        write_version(folder, SESSIONS[:1])
        record(tmp_path / "metadata.sqlite", base, folder, {"catalogue": 9, "offered": 6})
    found = Models(tmp_path, None).find("9")
    assert found.run_id == "run-1" and len(found.sessions) == 2
    assert found.known == (b"a", b"b")


def test_a_version_that_was_rolled_back_from_is_found_where_it_was_moved(tmp_path):
    finish_run(tmp_path, SESSIONS)
    (tmp_path / "pushed").rename(tmp_path / "pushed_withdrawn")
    assert Models(tmp_path, None).find("7").missing == ()


def test_examples_that_were_removed_leave_the_statistics(tmp_path):
    shutil.rmtree(finish_run(tmp_path, SESSIONS))
    found = Models(tmp_path, None).find("7")
    assert found.sessions is None and found.statistics is not None
    assert found.missing == (
        "session lengths and popularity, since the Examples of run run-1 were removed",
    )
    shutil.rmtree(tmp_path / "artifacts")
    (missing,) = Models(tmp_path, None).find("7").missing
    assert missing.startswith("session lengths and popularity, nor items, since")


def test_without_any_output_folder_the_model_says_what_it_can(tmp_path):
    write_version(tmp_path / "models" / "7", SESSIONS)
    found = Models(None, tmp_path / "models").find("7")
    assert found.known == (b"a", b"b", b"c") and found.learned.events == 5
    (missing,) = found.missing
    assert missing.endswith("since no output folder was named")


def test_a_version_that_is_gone_is_named(tmp_path):
    finish_run(tmp_path, SESSIONS)
    found = Models(tmp_path, None).find("5")
    gone, unknown = found.missing
    assert gone.startswith(
        f"unknown items, since the version is no longer in {tmp_path / 'pushed'}, "
    )
    assert unknown.endswith(f"{tmp_path / 'metadata.sqlite'} knows no run that pushed version 5")


def test_metadata_that_are_missing_or_damaged_are_named(tmp_path):
    write_version(tmp_path / "pushed" / "7", SESSIONS)
    assert "metadata.sqlite is missing" in Models(tmp_path, None).find("7").missing[0]
    (tmp_path / "metadata.sqlite").write_text("no database, but long enough to look at" * 9)
    assert "cannot be used" in Models(tmp_path, None).find("7").missing[0]


def test_the_first_sessions_of_each_split_are_read(tmp_path):
    folders = [
        str(write_examples(tmp_path / name, [["a"]] * 3000) / "Split-train") for name in "xy"
    ]
    assert len(read_sessions(folders)) == 6000
    assert 2 <= len(read_sessions(folders, most=2)) < 6000
    (tmp_path / "empty").mkdir()
    assert len(read_sessions([str(tmp_path / "empty")])) == 0


def test_sessions_can_be_drawn():
    items = np.array([b"a", b"b", b"c", b"d"], object)
    sessions = Sessions(items, np.array([0, 1, 1, 4]))
    drawn = sessions.take(np.array([2, 0, 2, 1]))
    assert drawn.items.tolist() == [b"b", b"c", b"d", b"a", b"b", b"c", b"d"]
    assert drawn.lengths().tolist() == [3, 1, 3, 0]
