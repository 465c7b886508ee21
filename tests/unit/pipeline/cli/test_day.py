"""The command for days: what it refuses, and with which exit status."""

import pytest

from pipeline.cli.main import main


@pytest.fixture
def daily(tmp_path):
    for day in ("10", "11"):
        (tmp_path / f"2015-09-{day}.tsv").write_text("SessionId\tItemId\tTime\n1\ta\t1\n")
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
        (["--set", "data.train=x.tsv"], 2, "daily and train are both set"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(daily, capsys, arguments, status, message):
    arguments = [*daily, *arguments]
    assert main(arguments) == status
    assert message in capsys.readouterr().err


def test_days_before_the_window_are_not_missed(daily, capsys):
    assert main([*daily, "--catch-up"]) == 0
    assert "No day has been missed." in capsys.readouterr().out


def test_a_preset_without_daily_data_is_refused(tmp_path, capsys):
    assert main(["day", "--preset", "sample", "--out", str(tmp_path)]) == 2
    assert "data.daily is not set: give DATA=pattern" in capsys.readouterr().err
