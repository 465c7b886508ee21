"""What the charts draw, by their descriptions; test_page.py and a browser see them whole."""

from __future__ import annotations

from pipeline.monitor.charts import length_chart, metric_chart, popularity_chart, time_chart

HOUR_MS = 3_600_000


def _group(version, label, value, interval=(0.1, 0.3)):
    return {
        "version": version,
        "label": label,
        "metrics": {"recall@20": {"value": value, "interval": interval}},
    }


def test_a_metric_is_drawn_for_each_version_that_has_it():
    groups = [_group("7", "stable", 0.25), _group("8", "canary", None, None), _group("6", "", 0.2)]
    chart = metric_chart("m", "Recall@20", "recall@20", groups)
    assert "7 stable 0.250 (0.100 to 0.300); 6 0.200" in chart and "8 canary" not in chart
    assert metric_chart("m", "MRR@20", "mrr@20", groups) is None


def test_lengths_are_drawn_if_those_of_training_are_known():
    served, trained = [0, 0, 3, 1], [0, 0, 1, 1]
    chart = length_chart("l", {"lengths": served, "trained_lengths": trained})
    assert "training: 50% have 2 events" in chart and "served: 75% have 2 events" in chart
    assert length_chart("l", {"lengths": served, "trained_lengths": None}) is None
    assert length_chart("l", {"lengths": [0, 0], "trained_lengths": trained}) is None


def test_popularity_is_drawn_by_group():
    version = {"trained_groups": {"1-10": 0.25, "11-100": 0.75}, "groups": {"1-10": 1.0}}
    chart = popularity_chart("p", version)
    assert "1-10: 25.0% in training, 100.0% served; 11-100: 75.0% in training, 0.0%" in chart
    assert popularity_chart("p", {**version, "trained_groups": None}) is None


def test_the_newest_versions_are_drawn_over_time():
    def version(*unknown):
        starts = [HOUR_MS * place for place in range(len(unknown))]
        return {"timeline": {"starts": starts, "unknown": unknown, "requests": [5] * len(starts)}}

    versions = {str(number): version(0.1 * number, None) for number in range(1, 6)}
    chart = time_chart("t", "Unknown", "unknown", versions)
    assert "Unknown. 3 from 30.0% to 30.0%; 4 from" in chart
    assert time_chart("t", "Unknown", "unknown", {"7": version(None)}) is None
    assert "7 from 5 to 5" in time_chart("t", "Requests", "requests", {"7": version(None, None)})
