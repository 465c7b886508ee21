"""What the server's status page shows of an output folder."""

from __future__ import annotations

from pathlib import Path

from pipeline.history.page import PAGE_FILE
from pipeline.history.status import pages_of, read_shown
from pipeline.monitor.records import new_folder, write_report
from tests import made_up_runs as runs


def test_the_last_pushes_come_first_with_links_to_what_is_there(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        runs.finish(tmp_path, number)
    runs.fail(tmp_path, 4)
    shown = read_shown(tmp_path)
    assert [push["version"] for push in shown.pushes] == ["4", "3", "2"]
    assert shown.pushes[0]["what"] == "blessed"
    assert set(shown.pushes[0]) == {"version", "run", "day", "what", "recall@20", "mrr@20"}
    report = tmp_path / "runs" / "2015-09-14-1" / "report.html"
    assert shown.links == {"Report": "runs/2015-09-14-1/report.html"}

    (tmp_path / PAGE_FILE).touch()
    folder = new_folder(tmp_path)
    page = write_report({"format": 1, "versions": {}, "made": "now"}, "<p>", folder)
    pages = pages_of(tmp_path)
    assert pages.file(pages.read().links["Monitoring"]) == page
    assert pages.read().links["History"] == PAGE_FILE
    assert pages.file("runs/2015-09-14-1/report.html") == report


def test_a_model_without_an_output_folder_has_no_pages(tmp_path: Path) -> None:
    assert pages_of(None).read().links == {}
    assert read_shown(tmp_path).pushes == []


def test_a_report_that_was_removed_is_no_link(tmp_path: Path) -> None:
    runs.finish(tmp_path, 1)
    (tmp_path / "runs" / "2015-09-12-1" / "report.html").unlink()
    assert read_shown(tmp_path).links == {}
