"""The rows of a history, from the folders of runs."""

import json

import pytest

from modules.daily.model_day import write_day
from pipeline.history.rows import read_history, shown_baseline, verdict_of
from tests import made_up_runs as runs


def test_a_finished_run_is_a_row_with_its_numbers(tmp_path):
    runs.finish(tmp_path, 1)
    (row,) = read_history(tmp_path).rows
    shown = {
        "day": "2015-09-12",
        "run": 1,
        "verdict": "blessed",
        "started": "2015-09-13T03:00:00Z",
        "pushed_version": "2",
        "served_version": "2",
        "served_day": "2015-09-12",
        "baseline": "stan",
        "honest/all/n": 1234,
        "rows.train": 800,
        "rejects.test": 3,
        "sessions.test": 120,
        "items.eval": 40,
        "catalogue_items": 95,
        "item_drift": 0.011,
        "item_divergence": None,
        "session_count_change": 0.05,
        "seconds": 61.0,
        "cpu_seconds": 91.0,
        "disk_bytes": 2 * 10**8,
        "report": "runs/2015-09-12-1/report.html",
        "folder": "runs/2015-09-12-1",
    }
    assert {name: row[name] for name in shown} == shown
    of = runs.headlines(1)
    for model, column in (("candidate",) * 2, ("baseline", "stan"), ("last_blessed",) * 2):
        found = of[column]["known/last/mrr@20"]
        name = f"{model}.known/last/mrr@20"
        assert row[name] == found["value"]
        assert [row[f"{name}.low"], row[f"{name}.high"]] == found["interval"]


def test_targets_unknown_to_training_are_a_share_of_the_steps(tmp_path):
    metrics = {"honest/all/n": 200, "known/all/n": 150}
    runs.finish(tmp_path, 1, metrics=metrics)
    runs.finish(tmp_path, 2, metrics={})
    assert [row["oov_share"] for row in read_history(tmp_path).rows] == [0.25, None]


def test_rows_are_in_the_order_of_their_starts_and_know_what_served(tmp_path):
    runs.finish(tmp_path, 1)  # pushes version 2
    runs.finish(tmp_path, 3, blessed=False, served_model="/out/pushed/2")
    runs.refresh(tmp_path, 3, base="2", version="50")
    runs.fail(tmp_path, 4)
    runs.finish(tmp_path, 5)  # pushes version 6
    late = {"started": "2015-12-01T00:00:00Z", "pushed_model": None, "served_model": "/p/6"}
    runs.finish(tmp_path, 2, blessed=False, **late)
    rows = read_history(tmp_path).rows
    found = [
        [row[name] for name in ("day", "verdict", "pushed_version", "served_version", "served_day")]
        for row in rows
    ]
    assert found == [
        ["2015-09-12", "blessed", "2", "2", "2015-09-12"],
        ["2015-09-14", "refused", None, "2", "2015-09-12"],
        ["2015-09-15", "refreshed", "50", "50", "2015-09-12"],
        ["2015-09-15", "failed", None, "4", None],
        ["2015-09-16", "blessed", "6", "6", "2015-09-16"],
        ["2015-09-13", "refused", None, "6", "2015-09-16"],
    ]
    assert rows[2]["base_version"] == "2"
    assert rows[2]["reasons"] == ["version 2 with 60 of 100 items recommendable"]
    assert rows[3]["reasons"] == ["Trainer: OSError: disk full"]


def test_a_version_of_an_earlier_run_was_not_pushed_by_this_one(tmp_path):
    runs.finish(tmp_path, 0)
    earlier = {"pushed_model": "/out/pushed/1", "served_model": "/out/pushed/1"}
    runs.finish(tmp_path, 1, pushed_by="an earlier run", **earlier)
    runs.finish(tmp_path, 2, pushed_model=None, not_pushed="a model of a later day serves")
    first, second, third = read_history(tmp_path).rows
    assert [first["pushed_version"], second["pushed_version"]] == ["1", None]
    assert second["served_day"] == first["day"]
    assert (third["verdict"], third["pushed_version"]) == ("blessed", None)
    assert third["not_pushed"] == "a model of a later day serves"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"format": 99}', '{"format": 1}', None],
)
def test_a_damaged_folder_is_named_and_the_others_are_shown(tmp_path, content):
    runs.finish(tmp_path, 1)
    damaged = runs.finish(tmp_path, 2)
    (damaged / "summary.json").unlink()
    if content is not None:
        (damaged / "summary.json").write_text(content)
    history = read_history(tmp_path)
    assert [row["day"] for row in history.rows] == ["2015-09-12"]
    assert list(history.damaged) == ["runs/2015-09-13-1"]


def test_a_model_that_failed_the_check_of_serving_is_refused():
    check = {"passed": False, "reasons": ["p99: 900 ms"], "figures": {}}
    blessed = {"blessed": True, "reasons": ["all checks passed"]}
    assert verdict_of({**blessed, "serving_check": check}) == ("refused", ["p99: 900 ms"])
    assert verdict_of({**blessed, "serving_check": None}) == ("blessed", ["all checks passed"])
    refused = {"blessed": False, "reasons": ["recall fell"], "serving_check": check}
    assert verdict_of(refused) == ("refused", ["recall fell", "p99: 900 ms"])


def test_the_best_baseline_is_shown_where_stan_was_not_evaluated():
    found = runs.headlines(1)
    assert shown_baseline(found) == "stan"
    found["sequential_rules"] = found.pop("stan")
    assert shown_baseline(found) == "sequential_rules"
    assert shown_baseline({"candidate": found["candidate"]}) is None


def test_a_run_of_the_version_before_has_fewer_values(tmp_path):
    folder = runs.finish(tmp_path, 1)
    summary = json.loads((folder / "summary.json").read_text())
    for name in ("started", "served_model", "data_checks", "disk_bytes"):
        del summary[name]
    del summary["seconds"]["cpu"]
    (folder / "summary.json").write_text(json.dumps(summary))
    (row,) = read_history(tmp_path).rows
    assert (row["served_version"], row["disk_bytes"], row["item_drift"]) == ("2", None, None)


def test_a_version_says_its_day_where_the_run_that_pushed_it_left_no_record(tmp_path):
    runs.finish(tmp_path, 0, pushed_by="an earlier run")
    assert read_history(tmp_path).rows[0]["served_day"] is None
    write_day(str(tmp_path / "pushed" / "1"), "2015-09-10")
    assert read_history(tmp_path).rows[0]["served_day"] == "2015-09-10"
