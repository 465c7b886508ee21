"""The results as plain text."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.monitor.console import format_report
from pipeline.monitor.report import make_report
from pipeline.monitor.training_data import Models
from serving.logged_requests import log_files
from tests.request_logs import request, write_clicks, write_log
from tests.unit.pipeline.monitor.test_measure import shop


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    rows, clicks = shop(60, canary_hits=0.2)
    write_log(folder / "log", [*rows, rows[0]])
    given = str(write_clicks(folder / "clicks.tsv", clicks))
    config = load_config("sample", ["monitor.resamples=300"], data=None)
    return make_report(log_files(folder / "log"), given, Models(None, None), config)


def test_every_version_is_a_line_with_its_metrics_and_intervals(report):
    lines = format_report(report).splitlines()
    assert lines[0].startswith("360 requests of 120 sessions, 2015-09-11T")
    assert lines[0].endswith("left out: 1 row repeated")
    assert lines[1] == "360 clicks; 120 of the sessions have any, 360 requests have a next click"
    stable, canary = (line for line in lines if line.split()[1:2] in (["stable"], ["canary"]))
    assert stable.split()[:4] == ["7", "stable", "180", "60"]
    value, low = canary.split()[4:6]
    assert 0.1 < float(value) < 0.3 and low.startswith("[0.")


def test_the_verdict_on_the_canary_and_the_limits_are_said(report):
    text = format_report(report)
    (head,) = (line for line in text.splitlines() if line.startswith("Canary 8 minus stable (7)"))
    assert head.endswith("60 and 59 sessions: worse")
    assert "Limits: 1 exceeded, 0 of 1 kept" in text
    assert (
        "failed: version 8: the version on trial is worse than the stable one in Recall@20" in text
    )
    assert "Not compared, version 7: unknown items, since no folder of it was named." in text


def test_without_clicks_there_are_no_online_metrics(tmp_path):
    files = log_files(write_log(tmp_path, [request("s", 0)]))
    report = make_report(files, None, Models(None, None), load_config("sample", data=None))
    text = format_report(report)
    assert "Limits: none is set" in text and "click;" not in text
    (line,) = (line for line in text.splitlines() if line.split()[1:2] == ["stable"])
    assert line.split() == [*("7", "stable", "1", "1", "-", "-", "-", "0.00%", "2.5", "2.5")]
