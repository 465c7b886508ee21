"""What a command leaves of failures and refreshes."""

import json
import time

from pipeline.cli.outcomes import record_failure, record_refresh
from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.history.rows import read_history
from pipeline.run.failures import Failure
from serving.catalog_refresh import Refresh


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
    done = Refresh(pushed / "8", pushed / "7", 100, 60, 40, 0, 3, seconds=1.5)
    record_refresh(tmp_path, done, 1442004589.0)
    (row,) = read_history(tmp_path).rows
    assert (row["verdict"], row["base_version"], row["served_version"]) == ("refreshed", "7", "8")


def test_what_cannot_be_recorded_is_a_warning(tmp_path, capsys):
    (tmp_path / "runs").write_text("a file in the way")
    record_failure(load_config("sample"), tmp_path, Failure("", "x"), 1.0, tmp_path / "1.log")
    error = capsys.readouterr().err
    assert error.startswith(f"Warning: the history in {tmp_path} was not updated: ")
    assert error.count("\n") == 1
