"""The command for days: what it refuses, and with which exit status."""

import json
import subprocess
import sys

import pytest

from pipeline.cli.commands import day
from pipeline.cli.commands.day import choose_days
from pipeline.cli.main import main
from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.paths import PROJECT
from pipeline.run.identity import identity
from pipeline.run.lock import STARTING, exclusive
from pipeline.run.run_folders import FAILURE_FILE, record_event, record_run
from tests import made_up_runs as runs
from tests.run_summaries import make_summary


@pytest.fixture
def daily(tmp_path):
    for number in ("10", "11"):
        (tmp_path / f"2015-09-{number}.tsv").write_text("SessionId\tItemId\tTime\n1\ta\t1\n")
    return ["day", "--data", f"{tmp_path}/{{YYYY}}-{{MM}}-{{DD}}.tsv", "--out", f"{tmp_path}/out"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--date", "2015-09-12"], 4, "2015-09-12 has no file yet: the newest day there is 2015"),
        (["--date", "2015-09-09"], 2, "no file is there for 2015-09-09"),
        (["--date", "12"], 2, "data.date must be a date from 1970 on for this daily"),
        (["--date", "x"], 2, "data.date must be a date such as 2015-09-11"),
        (["--window", "0"], 2, "data.window must be between 1 and 3650"),
        (["--from", "2015-09-10"], 2, "--from and --to belong together"),
        (["--from", "2015-09-10", "--to", "2015-09-12"], 2, "no file is there for 2015-09-12"),
        (["--date", "2015-09-11", "--catch-up"], 2, "exclude each other: give one"),
        (["--set", "data.date=2015-09-11", "--catch-up"], 2, "data.date names one day, 2015-09-11"),
        (["--set", "data.train=x.tsv"], 2, "daily and train are both set"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(daily, capsys, arguments, status, message):
    arguments = [*daily, *arguments]
    assert main(arguments) == status
    assert message in capsys.readouterr().err


def test_days_that_have_been_run_are_not_missed(daily, tmp_path, capsys):
    for name in ("2015-09-10", "2015-09-11"):
        summary = make_summary(window={"day": name, "bytes": {name: 1}}, report=None)
        record_run(tmp_path / "out", load_config("sample"), summary, 0, "")
    assert main([*daily, "--catch-up"]) == 0
    assert "Nothing to do: all days that are over have been run." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("past_failures", "statuses", "run", "status"),
    [
        (True, [0, 1, 5, 0], 4, 1),
        (True, [5, 0], 2, 5),
        (True, [0, 2, 0], 2, 2),
        (False, [0, 1, 0], 2, 1),
        (False, [5, 0], 2, 5),
    ],
)
def test_a_day_that_fails_stops_a_series_but_not_a_catch_up(
    monkeypatch, past_failures, statuses, run, status
):
    """It would be the first of the missed days for ever, and keep those after it from being run."""
    left = iter(statuses)
    monkeypatch.setattr(day, "run_day", lambda *_: next(left))
    days = [str(number) for number, _ in enumerate(statuses)]
    assert day.run_days(None, None, days, False, True, past_failures) == status
    assert len(list(left)) == len(statuses) - run


def test_a_preset_without_daily_data_is_refused(tmp_path, capsys):
    assert main(["day", "--preset", "sample", "--out", str(tmp_path)]) == 2
    assert "data.daily is not set: give DATA=pattern" in capsys.readouterr().err


def _record(tmp_path, day, blessed):
    """Records a finished run that was made from the same as the command's would be."""
    files = DataPaths(daily=f"{tmp_path}/{{YYYY}}-{{MM}}-{{DD}}.tsv")
    config = load_config("custom", [f"data.date={day}", "data.window=1"], files)
    window = {"day": day, "bytes": {}}
    folder = runs.finish(tmp_path / "out", 0, blessed, window=window, pushed_model=None)
    (folder / "identity.json").write_text(json.dumps({"identity": identity(config)}))


def test_a_refused_model_is_a_failure_only_if_that_is_wanted(daily, tmp_path, capsys):
    (tmp_path / "2015-09-12.tsv").write_text("SessionId\tItemId\tTime\n1\ta\t1\n")
    _record(tmp_path, "2015-09-11", blessed=False)
    _record(tmp_path, "2015-09-12", blessed=True)
    days = [*daily, "--window", "1", "--from", "2015-09-11", "--to", "2015-09-12"]
    assert main(days) == 0
    assert main([*days, "--fail-if-refused"]) == 5
    assert capsys.readouterr().out.count("Nothing to do") == 4  # the day after it is run too
    second = [*daily, "--window", "1", "--date", "2015-09-12", "--fail-if-refused"]
    assert main(second) == 0


def test_a_folder_in_use_is_a_status_of_its_own(daily, tmp_path, capsys):
    with exclusive(tmp_path / "out", STARTING):
        assert main([*daily, "--date", "2015-09-11"]) == 3
    assert "--wait" in capsys.readouterr().err


def test_a_late_day_and_one_that_cannot_be_run_are_events(daily, tmp_path):
    file = tmp_path / "events"
    hook = ["--set", f"hooks.on_event=\"cat >> '{file}'\""]
    assert main([*daily, *hook, "--date", "2015-09-12"]) == 4
    assert main([*daily, *hook, "--date", "2015-09-09"]) == 2
    assert main([*daily, *hook, "--set", "trainer.max_epochs=0"]) == 2
    late, missing, unusable = [json.loads(line) for line in file.read_text().splitlines()]
    assert (late["event"], late["day"]) == ("late", "2015-09-12")
    assert missing["event"] == "failed" and "no file is there" in missing["message"]
    assert unusable["event"] == "failed" and "max_epochs" in unusable["message"]


def test_a_day_that_has_been_run_ends_without_chatter(daily, tmp_path):
    _record(tmp_path, "2015-09-11", blessed=True)
    words = [*daily, "--window", "1", "--date", "2015-09-11"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("Nothing to do")


def test_an_empty_value_is_no_option_that_was_left_out(tmp_path, capsys):
    assert main(["day", "--data", "", "--out", str(tmp_path)]) == 2
    assert "must not be empty" in capsys.readouterr().err


def test_a_log_without_any_day_yet_is_late(tmp_path, capsys):
    (tmp_path / "log").mkdir()
    pattern = f"{tmp_path}/log/{{YYYY}}-{{MM}}-{{DD}}.tsv"
    assert main(["day", "--data", pattern, "--out", str(tmp_path / "out")]) == 4
    assert "No day has files yet." in capsys.readouterr().err
    missing = pattern.replace("/log/", "/lgo/")
    assert main(["day", "--data", missing, "--out", str(tmp_path / "out")]) == 2


def test_runs_of_numbered_spans_say_nothing_of_dates(daily, tmp_path):
    summary = make_summary(window={"day": "20150912", "bytes": {"20150912": 1}}, report=None)
    record_run(tmp_path / "out", load_config("sample"), summary, 0, "")
    config = load_config("custom", [], DataPaths(daily=daily[2]))
    newest = choose_days(config, tmp_path / "out", None, None, catch_up=False)
    assert newest == choose_days(config, tmp_path / "out", None, None, catch_up=True) != []


def test_a_day_that_failed_several_times_is_not_caught_up_again(daily, tmp_path, capsys):
    config, out = load_config("custom", [], DataPaths(daily=daily[2])), tmp_path / "out"
    (day,) = choose_days(config, out, None, None, catch_up=True)
    for _ in range(3):
        assert choose_days(config, out, None, None, catch_up=True) == [day]
        record_event(out, FAILURE_FILE, {"cause": "x"}, 0.0, day)
    assert choose_days(config, out, None, None, catch_up=True) == []
    assert f"{day} is left out: it has failed 3 times; --date {day}" in capsys.readouterr().out
    assert choose_days(config, out, None, None, catch_up=False) == [day]
