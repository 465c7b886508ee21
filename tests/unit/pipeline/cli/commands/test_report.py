"""`session-retrieval report` shows the last run again."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.cli.main import main
from pipeline.run.console_summary import format_report
from pipeline.run.summary_file import FORMAT, write_summary


def _summary(page: Path, **changed: Any) -> dict[str, Any]:
    summary = {
        "format": FORMAT,
        "pipeline": "shop",
        "rows": {"by_split": {}},
        "warnings": [],
        "metrics": {},
        "blessed": False,
        "reasons": ["recall fell"],
        "gate": None,
        "pushed_model": None,
        "serving_check": None,
        "report": str(page),
        "nodes": {"ran": ["Trainer"], "cached": []},
        "recommendations": None,
        "seconds": {"total": 1.5},
    }
    return {**summary, **changed}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "a page.html"
    file.write_text("<html>", "utf-8")
    return file


def test_the_newest_run_of_all_is_shown_unless_one_is_named(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PROJECT", tmp_path)
    summaries = {name: _summary(page, pipeline=name) for name in ("old", "new")}
    for age, (name, summary) in enumerate(summaries.items()):
        (tmp_path / "output" / name).mkdir(parents=True)
        os.utime(write_summary(summary, tmp_path / "output" / name), (age, age))

    assert main(["report"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(format_report(summaries["new"]))
    assert f"Report:  {page}" in printed
    assert f"Summary: {tmp_path}/output/new/summary.json" in printed
    assert main(["report", "--out", str(tmp_path / "output" / "old")]) == 0
    assert capsys.readouterr().out.startswith(format_report(summaries["old"]))


def test_the_page_is_opened_in_the_browser(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    script = f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])"
    browser = shlex.join([sys.executable, "-c", script, "%s"])
    monkeypatch.setenv("BROWSER", browser)
    monkeypatch.setattr("webbrowser._tryorder", None)
    write_summary(_summary(page), tmp_path)
    assert main(["report", "--out", str(tmp_path), "--open"]) == 0
    assert opened.read_text() == page.as_uri()


@pytest.mark.parametrize("is_there", [False, True])
def test_a_page_that_cannot_be_opened_is_named(
    page: Path,
    tmp_path: Path,
    is_there: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webbrowser._tryorder", [])  # as on a machine without a browser
    write_summary(_summary(page), tmp_path)
    if not is_there:
        page.unlink()
    assert main(["report", "--out", str(tmp_path), "--open"]) == 1
    words = f"No browser was found: open {page}" if is_there else f"{page} is missing"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No summary.json in"),
        ("{", "is damaged or of another version"),
        (json.dumps({"format": 99}), "is damaged or of another version"),
        (json.dumps({"format": FORMAT}), "is damaged or of another version"),
        (json.dumps(_summary(Path("x"), nodes={"ran": ["x"]})), "is damaged or of another version"),
        (json.dumps(_summary(Path("x"), rows=[])), "is damaged or of another version"),
        (json.dumps(_summary(Path("x"), report=5)), "is damaged or of another version"),
    ],
)
def test_a_folder_without_a_summary_is_refused_with_the_fix(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content, "utf-8")
    assert main(["report", "--out", str(tmp_path), "--open"]) == 1
    error = capsys.readouterr().err
    assert words in error and "`make run`" in error
