"""The command `monitor`, from logs and an output folder to text, page, record, event and status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from tests import made_up_runs as runs
from tests.request_logs import HOUR, request, write_clicks, write_log
from tests.served_models import finish_run, write_version
from tests.unit.pipeline.monitor.test_measure import TRAINED, shop

FAST = ["--set", "monitor.resamples=200"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    finish_run(tmp_path / "out", TRAINED)
    return tmp_path / "out"


def _log(tmp_path: Path, canary_hits: float) -> list[str]:
    rows, clicks = shop(60, canary_hits)
    write_log(tmp_path / "requests", rows)
    file = write_clicks(tmp_path / "clicks.tsv", clicks)
    return ["monitor", "--requests", str(tmp_path / "requests"), "--clicks", str(file), *FAST]


def test_a_worse_canary_ends_with_status_6_and_an_event(out: Path, tmp_path: Path, capsys) -> None:
    runs.finish(out, 0)
    hook = ["--set", f"hooks.on_event='cat >> {tmp_path}/events'"]
    assert main([*_log(tmp_path, 0.2), "--out", str(out), *hook]) == 6
    text = capsys.readouterr().out
    (folder,) = (out / "monitor").iterdir()
    assert text.splitlines()[-1] == f"Page: {folder / 'monitor.html'}"
    assert "120 sessions" in text and "sessions: worse" in text
    assert json.loads((folder / "monitor.json").read_text())["versions"]["7"]["run_id"] == "run-1"
    event = json.loads((tmp_path / "events").read_text())
    assert (event["event"], event["report"]) == ("worse", str(folder / "monitor.html"))
    assert f"monitor/{folder.name}/monitor.html" in (out / "history.html").read_text("utf-8")


def test_within_its_limits_it_ends_with_status_0(out: Path, tmp_path: Path, capsys) -> None:
    command = [*_log(tmp_path, 0.6), "--out", str(out), "--json"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["canary"]["verdict"] == "no difference shown"
    assert main([*command, "--set", "monitor.max_p99_ms=0.1"]) == 6


def test_results_go_where_they_are_wanted_without_any_output_folder(tmp_path: Path, capsys) -> None:
    write_version(tmp_path / "models" / "7", TRAINED)
    to = tmp_path / "a b" / "results"
    words = [*_log(tmp_path, 0.6), "--models", str(tmp_path / "models")]
    assert main(words) == 2
    assert "--models without --out needs --to" in capsys.readouterr().err
    assert main([*words, "--to", str(to)]) == 0
    assert {file.name for file in to.iterdir()} == {"monitor.html", "monitor.json"}
    assert json.loads((to / "monitor.json").read_text())["versions"]["7"]["oov_share"] == 0


def test_only_the_last_hours_count_if_so_wanted(out: Path, tmp_path: Path, capsys) -> None:
    write_log(tmp_path / "log [1]", [request("s", at * HOUR) for at in range(6)])
    words = ["monitor", "--requests", str(tmp_path / "log [1]"), "--out", str(out), "--hours", "2"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("3 requests of 1 session")


def test_a_log_without_requests_is_said_in_a_line(out: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()
    words = ["monitor", "--requests", str(folder), "--out", str(out)]
    assert main(words) == 1
    assert f"{folder} has no requests-*.tsv" in capsys.readouterr().err
    write_log(folder, [])
    assert main(words) == 1
    assert "has no whole row" in capsys.readouterr().err
    assert not (out / "monitor").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--requests", "nope"], "nope is not a folder"),
        (["--clicks", "nope.tsv"], "nope.tsv matches nothing"),
        (["--set", "monitor.max_p99_ms=0"], "monitor.max_p99_ms must be above 0"),
        (["--out", "nope"], "No metadata.sqlite in"),
        (["--hours", "x"], "from .01 hours to ten years, got 'x'"),
    ],
)
def test_what_cannot_be_used_is_named_without_a_traceback(
    out: Path, tmp_path: Path, words: list[str], message: str, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*_log(tmp_path, 0.6), "--out", str(out), *words]) in (1, 2)
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
