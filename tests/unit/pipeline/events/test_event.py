"""The content of events."""

import json

import pytest

from pipeline.events.event import make_event, run_message, stale_message
from pipeline.history.rows import read_history
from tests import made_up_runs as runs


def test_an_event_says_what_happened_and_where_the_rest_is(tmp_path):
    folder = runs.finish(tmp_path, 0)
    (row,) = read_history(tmp_path).rows
    event = make_event("blessed", tmp_path, "x", pipeline="shop", day=row["day"], row=row)
    time = event.pop("time")
    assert time.endswith("Z")
    assert json.loads(json.dumps(event)) == {
        "event": "blessed",
        "pipeline": "shop",
        "day": "2015-09-11",
        "run_id": "run-0",
        "out": str(tmp_path),
        "folder": str(folder),
        "summary": str(folder / "summary.json"),
        "report": str(folder / "report.html"),
        "reasons": [],
        "versions": {"pushed": "1", "served": "1", "served_day": "2015-09-11"},
        "message": "x",
    }


def test_a_failure_has_no_summary_and_what_still_serves(tmp_path):
    runs.finish(tmp_path, 0)
    runs.fail(tmp_path, 1)
    row = read_history(tmp_path).rows[-1]
    event = make_event("failed", tmp_path, "x", pipeline="shop", row=row)
    assert (event["summary"], event["report"]) == (None, None)
    assert event["versions"] == {"pushed": None, "served": "1", "served_day": "2015-09-11"}


def test_an_event_about_no_run_says_what_serves_and_nothing_of_the_run_before(tmp_path):
    runs.finish(tmp_path, 0)
    (row,) = read_history(tmp_path).rows
    event = make_event("late", tmp_path, "x", pipeline="shop", row=row, is_of_row=False)
    assert (event["run_id"], event["summary"], event["report"]) == (None, None, None)
    assert event["versions"] == {"pushed": None, "served": "1", "served_day": "2015-09-11"}


def test_a_run_that_could_not_start_has_no_folder():
    event = make_event("failed", None, "x", pipeline="shop")
    assert (event["out"], event["day"], event["versions"]["served"]) == (None, None, None)


def test_the_message_of_a_run_is_a_line(tmp_path):
    runs.finish(tmp_path, 0)
    runs.finish(tmp_path, 1, blessed=False)
    runs.finish(tmp_path, 2, pushed_by="an earlier run")
    assert [run_message(row) for row in read_history(tmp_path).rows] == [
        "shop 2015-09-11: blessed, pushed version 1",
        "shop 2015-09-12: refused: recall fell <b>far</b> and 1 more",
        "shop 2015-09-13: blessed, nothing new was pushed",
    ]


@pytest.mark.parametrize(
    ("served", "day", "is_stale"),
    [
        ("2015-09-08", "2015-09-11", False),
        ("2015-09-07", "2015-09-11", True),
        ("2015-09-12", "2015-09-11", False),  # a past day that is run again
        ("7", "11", True),
        ("7", "2015-09-11", False),
        (None, "2015-09-11", False),
    ],
)
def test_a_model_is_stale_by_the_days_of_the_data(served, day, is_stale):
    row = {"served_day": served, "served_version": "5"}
    message = stale_message("shop", row, day, 3)
    assert bool(message) == is_stale
    assert stale_message("shop", row, day, 10) is None
