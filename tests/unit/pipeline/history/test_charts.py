"""The charts of the history."""

import re
from xml.etree import ElementTree

import pytest

from pipeline.history import charts
from pipeline.history.rows import read_history
from tests import made_up_runs as runs


def _links(chart):
    return re.findall(r'xlink:href="(runs/[^"]*)"', chart)


@pytest.fixture
def rows(tmp_path):
    runs.finish(tmp_path, 0)
    runs.fail(tmp_path, 1)
    runs.finish(tmp_path, 2, blessed=False)
    return read_history(tmp_path).rows


def test_a_metric_leads_to_the_report_of_each_run(rows):
    chart = charts.metric_chart("m", "honest/all/recall@20", rows)
    ElementTree.fromstring(chart)
    assert set(_links(chart)) == {
        "runs/2015-09-11-1/report.html",
        "runs/2015-09-12-1/failure.json",
        "runs/2015-09-13-1/report.html",
    }
    assert "this model 0.4500 to 0.4624" in chart
    for label in ("stan", "last blessed", "this model", "09-12"):
        assert f">{label}<" in chart


def test_other_quantities_are_those_of_finished_runs(rows):
    series = {series.name: series for series in (*charts.DATA, *charts.COST)}
    chart = charts.series_chart(series["seconds"], rows)
    assert "wall 60 to 62; CPU 90 to 92" in chart
    assert set(_links(chart)) == {f"runs/2015-09-{day}-1/report.html" for day in (11, 13)}
    assert "size 100 to 300" in charts.series_chart(series["disk"], rows)
    failed = [row for row in rows if row["verdict"] == "failed"]
    assert charts.series_chart(series["seconds"], failed) is None


def test_the_versions_that_served_are_named(rows, tmp_path):
    runs.finish(tmp_path, 5)
    chart = charts.serving_chart("s", read_history(tmp_path).rows)
    assert "3 versions served, the last one 6" in chart
    nothing = [{**row, "served_version": None, "served_day": None} for row in rows]
    assert charts.serving_chart("s", nothing) is None


def test_days_without_dates_are_numbers(tmp_path):
    for number, day in enumerate(("9", "10")):
        runs.finish(tmp_path, number, window={"day": day, "bytes": {}})
    chart = charts.metric_chart("m", "honest/all/mrr@20", read_history(tmp_path).rows)
    assert ">9<" in chart and ">10<" in chart
