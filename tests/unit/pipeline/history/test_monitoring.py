"""The newest monitoring of each version in the history."""

from __future__ import annotations

import re

from pipeline.history.monitoring import monitor_lines
from pipeline.history.rows import read_history
from pipeline.history.update import update_history
from pipeline.monitor.records import new_folder, write_report
from tests import made_up_runs as runs


def test_a_line_has_the_metrics_by_label_and_the_limits_that_are_exceeded(tmp_path):
    folder = runs.monitor(tmp_path, exceeded=["max_p99_ms"])
    (line,) = monitor_lines(tmp_path)
    assert (line.version, line.requests, line.until) == ("7", 1234, "2026-11-30 21:49")
    assert [(label, found["value"]) for label, found in line.recall] == [("canary", 0.25)]
    assert (line.click_through, line.exceeded) == ([], ["max_p99_ms"])
    assert (tmp_path / line.link).parent == folder


def test_results_that_miss_something_are_left_out(tmp_path):
    folder = new_folder(tmp_path)
    report = {"format": 1, "made": "2026", "versions": {"7": {}}}
    write_report(report, "<html>", folder)
    assert monitor_lines(tmp_path) == []


def test_the_page_of_the_history_links_to_the_monitoring(tmp_path):
    runs.finish(tmp_path, 0)
    assert update_history(tmp_path) == []
    page = tmp_path / "history.html"
    assert 'id="monitoring"' not in page.read_text("utf-8")
    runs.monitor(tmp_path)
    assert update_history(tmp_path) == []
    text = page.read_text("utf-8")
    section = text[text.index('<section id="monitoring"') : text.index('<section id="data"')]
    (link,) = re.findall(r'href="([^"]*)"', section)
    assert (tmp_path / link).is_file()
    assert "canary 0.2500" in section and "12.5%" in section and "✓ kept" in section
    assert len(read_history(tmp_path).rows) == 1
