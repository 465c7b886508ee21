"""`session-retrieval history` lists the runs of an output folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.history.columns import COLUMNS
from pipeline.history.update import update_history
from tests import made_up_runs as runs
from tests.metadata_store import COMPLETE, Store


def test_metadata_that_cannot_be_read_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--out", str(tmp_path)]) == 1
    assert f"No metadata.sqlite in {tmp_path}" in capsys.readouterr().err
    (tmp_path / "metadata.sqlite").write_text("no database")
    assert main(["history", "--out", str(tmp_path)]) == 1
    assert "cannot be used: SQLite reports:" in capsys.readouterr().err


def test_runs_are_listed_from_their_folders_and_damaged_ones_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.finish(tmp_path, 0)
    runs.fail(tmp_path, 1)
    (runs.finish(tmp_path, 2) / "summary.json").write_text("{")
    update_history(tmp_path)
    assert main(["history", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    lines = [line.split()[:3] for line in printed.out.splitlines()]
    assert lines[1:3] == [["2015-09-11", "1", "blessed"], ["2015-09-12", "1", "failed"]]
    assert printed.err.startswith("Warning: runs/2015-09-13-1 was left out of the history")
    assert main(["history", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [list(row) for row in found] == [list(COLUMNS)] * 2


def test_runs_of_former_versions_are_listed_from_metadata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path / "metadata.sqlite").node("run-1", "shop.Trainer", COMPLETE, model={})
    assert main(["history", "--out", str(tmp_path)]) == 0
    assert "run-1" in capsys.readouterr().out
    assert main(["history", "--out", str(tmp_path), "--open"]) == 1
    assert f"No run is recorded in {tmp_path}" in capsys.readouterr().err


def test_the_page_is_written_again_and_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.finish(tmp_path, 0)
    update_history(tmp_path)
    (tmp_path / "history.html").unlink()
    monkeypatch.setattr("webbrowser._tryorder", [])  # as on a machine without a browser
    assert main(["history", "--out", str(tmp_path), "--open"]) == 1
    assert f"No browser was found: open {tmp_path}/history.html" in capsys.readouterr().err
    assert "2015-09-11" in (tmp_path / "history.html").read_text("utf-8")
