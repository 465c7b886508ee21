"""What a command leaves of runs, failures and refreshes: records and events."""

import json
import time

import pytest

from modules.daily.model_day import write_day
from pipeline.cli.outcomes import (
    record_failure,
    record_refresh,
    report_late,
    report_monitor,
    report_not_started,
    report_run,
)
from pipeline.config import ConfigError, load_config
from pipeline.data_files import DataPaths
from pipeline.history.rows import read_history
from pipeline.run.days import LateError
from pipeline.run.failures import Failure
from tests import made_up_runs as runs


def _daily(tmp_path, *overrides):
    for day in ("10", "11"):
        (tmp_path / f"2015-09-{day}.tsv").write_text("SessionId\tItemId\tTime\n1\ta\t1\n")
    paths = DataPaths(daily=f"{tmp_path}/{{YYYY}}-{{MM}}-{{DD}}.tsv")
    return load_config("custom", overrides, paths)


def test_a_failure_is_in_the_history_at_the_day_that_was_to_be_evaluated(tmp_path):
    config, out = _daily(tmp_path), tmp_path / "out"
    (out / "pushed" / "7").mkdir(parents=True)
    (out / "pushed" / "7" / "saved_model.pb").write_bytes(b"x")
    log = out / "logs" / "1.log"
    record_failure(config, out, Failure("Trainer", "OSError: full"), time.time() - 5, log)
    dated = _daily(tmp_path, "data.date=2015-09-10")
    record_failure(dated, out, Failure("", "KeyError: 'x'"), time.time() + 5, log)
    first, second = read_history(out).rows
    assert [first["day"], second["day"]] == ["2015-09-11", "2015-09-10"]
    assert [first["reasons"], second["reasons"]] == [["Trainer: OSError: full"], ["KeyError: 'x'"]]
    assert first["served_version"] == "7" and first["seconds"] >= 5
    assert "OSError: full" in (out / "history.html").read_text("utf-8")
    failure = json.loads((out / "runs" / "2015-09-11-1" / "failure.json").read_text())
    assert failure["log"] == str(log)


def test_a_run_without_days_is_at_the_date_of_its_start(tmp_path):
    config = load_config("sample")
    record_failure(config, tmp_path, Failure("", "x"), 1442004589.0, tmp_path / "1.log")
    assert [row["day"] for row in read_history(tmp_path).rows] == ["2015-09-11"]


def test_a_refresh_is_in_the_history(tmp_path):
    pushed = tmp_path / "pushed"
    counts = {"catalogue": 100, "offered": 60, "gone": 40, "back": 0}
    record_refresh(tmp_path, pushed / "7", pushed / "8", counts, 1.5, 1442004589.0)
    (row,) = read_history(tmp_path).rows
    assert (row["verdict"], row["base_version"], row["served_version"]) == ("refreshed", "7", "8")


def test_what_cannot_be_recorded_is_a_warning(tmp_path, capsys):
    (tmp_path / "runs").write_text("a file in the way")
    record_failure(load_config("sample"), tmp_path, Failure("", "x"), 1.0, tmp_path / "1.log")
    error = capsys.readouterr().err
    assert error.startswith(f"Warning: the history in {tmp_path} was not updated: ")
    assert error.count("\n") == 1


def _hooked(tmp_path):
    """Returns a configuration whose hook appends each event to a file, and what reads it."""
    file = tmp_path / "events"
    config = _daily(tmp_path, f"hooks.on_event=cat >> '{file}'", "data.date=2015-09-11")

    def events():
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    return config, events


def test_a_finished_run_sends_its_verdict(tmp_path):
    config, events = _hooked(tmp_path)
    runs.finish(tmp_path / "out", 0, blessed=False)
    report_run(config, tmp_path / "out")
    (event,) = events()
    assert (event["event"], event["day"], len(event["reasons"])) == ("refused", "2015-09-11", 2)


def test_a_served_model_that_is_too_old_is_an_event_of_its_own(tmp_path):
    config, events = _hooked(tmp_path)
    out = tmp_path / "out"
    runs.finish(out, 0)
    served = {"pushed_model": None, "served_model": "/out/pushed/1"}
    runs.finish(out, 4, blessed=False, **served)
    report_run(config, out)
    assert [event["event"] for event in events()] == ["refused", "stale"]
    assert events()[1]["versions"]["served_day"] == "2015-09-11"
    assert "4 days before" in events()[1]["message"]
    report_late(config, out, LateError("2015-09-16 has no file yet.", "2015-09-16"))
    assert [event["event"] for event in events()][2:] == ["late", "stale"]
    assert (events()[2]["day"], events()[2]["run_id"]) == ("2015-09-16", None)
    report_late(config, out, LateError("2015-09-16 has no file yet.", "2015-09-16"))
    assert len(events()) == 4  # tried again, and said once
    report_late(config, out, LateError("2015-09-17 has no file yet.", "2015-09-17"))
    assert [event["event"] for event in events()][4:] == ["late", "stale"]


def test_what_serves_is_known_without_any_record_of_a_run(tmp_path):
    config, events = _hooked(tmp_path)
    version = tmp_path / "out" / "pushed" / "7"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_text("graph")
    write_day(str(version), "2015-09-11")
    report_late(config, tmp_path / "out", LateError("x", "2015-09-16"))
    late, stale = events()
    assert late["versions"] == {"pushed": None, "served": "7", "served_day": "2015-09-11"}
    assert stale["event"] == "stale" and stale["run_id"] is stale["summary"] is None


def test_a_failed_run_sends_where_and_why(tmp_path):
    config, events = _hooked(tmp_path)
    failure = Failure("Trainer", "OSError: full\nmore")
    record_failure(config, tmp_path / "out", failure, time.time(), tmp_path / "1.log")
    (event,) = events()
    assert (event["event"], event["day"]) == ("failed", "2015-09-11")
    assert event["message"] == "custom 2015-09-11: failed: Trainer: OSError: full more"
    assert event["reasons"] == ["Trainer: OSError: full\nmore"]


def test_a_run_that_cannot_start_is_a_failed_one_even_without_a_configuration(tmp_path):
    config, events = _hooked(tmp_path)
    report_not_started(ValueError("no file is there"), config, tmp_path / "out")
    with pytest.raises(ConfigError) as caught:
        load_config("custom", [f"hooks.on_event=cat >> '{tmp_path}/events'", "data.train=/nope"])
    report_not_started(caught.value, None, None)
    first, second = events()
    assert [first["event"], second["event"]] == ["failed", "failed"]
    assert "no file is there" in first["message"] and first["out"] == str(tmp_path / "out")
    assert "/nope" in second["message"] and second["out"] is None


def test_a_hook_that_fails_is_a_warning(tmp_path, capsys):
    runs.finish(tmp_path / "out", 0)
    report_run(_daily(tmp_path, "hooks.on_event=exit 7"), tmp_path / "out")
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "exit status 7" in error


def _monitored(*failed, last="2015-09-11T20:00:00Z"):
    checks = [
        {"name": name, "version": version, "reason": f"{name} is bad", "passed": False}
        for version, name in failed
    ]
    kept = {"name": "max_age_days", "version": "7", "reason": "fine", "passed": True}
    return {"requests": {"last": last}, "checks": [*checks, kept]}


def test_limits_that_the_request_log_exceeds_are_events_once_a_day_while_they_are_the_same(
    tmp_path,
):
    config, events = _hooked(tmp_path)
    out, page = tmp_path / "out", tmp_path / "out" / "monitor" / "1" / "monitor.html"
    page.parent.mkdir(parents=True)
    report_monitor(config, out, _monitored(), page)
    assert events() == []
    slow, odd, worse = ("7", "max_p99_ms"), ("7", "max_oov_share"), ("8", "canary_worse")
    for _ in range(2):
        report_monitor(config, out, _monitored(slow, odd, worse), page)
    exceeded, trial = events()
    assert (exceeded["event"], trial["event"]) == ("exceeded", "worse")
    assert exceeded["message"] == (
        "custom 2015-09-11: exceeded: version 7: max_p99_ms is bad and 1 more"
    )
    assert exceeded["reasons"][1] == "version 7: max_oov_share is bad"
    assert (exceeded["report"], exceeded["day"]) == (str(page), "2015-09-11")
    report_monitor(config, out, _monitored(slow, worse), page)
    assert [event["event"] for event in events()][2:] == ["exceeded"]
    report_monitor(config, out, _monitored(slow, last="2015-09-12T00:00:00Z"), page)
    assert [event["day"] for event in events()][3:] == ["2015-09-12"]


def test_limits_that_are_exceeded_are_events_without_an_output_folder(tmp_path):
    config, events = _hooked(tmp_path)
    for _ in range(2):
        report_monitor(config, None, _monitored(("7", "max_p99_ms")), tmp_path / "monitor.html")
    (event,) = events()
    assert event["out"] is None
