"""All that a call finds, with what makes it doubtful."""

from __future__ import annotations

from pipeline.config import load_config
from pipeline.monitor.report import make_report
from pipeline.monitor.training_data import Models
from serving.logged_requests import log_files
from tests.request_logs import request, write_clicks, write_log

NOWHERE = Models(None, None)


def _report(tmp_path, rows, clicks, *overrides, **changes):
    files = log_files(write_log(tmp_path / "log", rows))
    given = str(write_clicks(tmp_path / "c.tsv", clicks)) if clicks is not None else None
    config = load_config("sample", ["monitor.resamples=200", *overrides], data=None)
    return make_report(files, given, NOWHERE, config, **changes)


def test_a_log_without_a_request_has_no_report(tmp_path):
    assert _report(tmp_path, [], None) is None


def test_a_limit_that_is_exceeded_is_said(tmp_path):
    rows = [request(f"s{number}", number) for number in range(30)]
    report = _report(tmp_path, rows, None, "monitor.max_p99_ms=2")
    assert report["exceeded"] and report["checks"][0]["name"] == "max_p99_ms"
    assert not _report(tmp_path, rows, None, "monitor.max_p99_ms=3")["exceeded"]
    assert report["warnings"] == []


def test_clicks_of_other_sessions_are_a_warning(tmp_path):
    report = _report(tmp_path, [request("s", 0)], [("other", "a", 9e4)])
    (warning,) = report["warnings"]
    assert "no click is of any of 1 requested session:" in warning


def test_clocks_that_differ_are_a_warning_with_what_corrects_them(tmp_path):
    rows = [request("s", at, items=(f"p{at}",)) for at in (0, 100)]
    clicks = [("s", "p0", 20.0), ("s", "p100", 120.0), ("s", "q", 9e4)]
    report = _report(tmp_path, rows, clicks)
    (warning,) = report["warnings"]
    assert "20.0 s after the requests" in warning and "--shift=-21" in warning
    assert report["clicks"]["with_target"] == 2
    corrected = _report(tmp_path, rows, clicks, shift_ms=-21_000)
    assert corrected["warnings"] == []
    (warning,) = _report(tmp_path, rows, clicks, shift_ms=-51_000)["warnings"]
    assert "31.0 s before the requests" in warning and "--shift=-21" in warning
    (warning,) = _report(tmp_path, rows, clicks, shift_ms=-7_200_000)["warnings"]
    assert "no request has a click of its session on its latest item" in warning


def test_a_click_log_that_ends_too_soon_and_bad_rows_are_warnings(tmp_path):
    report = _report(tmp_path, [request("s", 0)], [("s", "a", 0.0), ("s", "", 6.0)])
    rejected, early = report["warnings"]
    assert "1 row of the clicks could not be read" in rejected
    assert "ends within the time for click-through of 1 request," in early
