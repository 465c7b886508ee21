"""A run's summary as text for the console."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.run.console_summary import format_report
from tests.run_summaries import make_summary


def test_the_report_has_all_parts() -> None:
    text = format_report(make_summary())
    assert text.startswith("Pipeline shop finished in 12.3 s, 1 nodes from the cache.")
    for line in (
        "Data     files  rows read  kept  rejected  sessions  items",
        "  train      4      1,000   800         3       200     90",
        "  eval       -          -   100         -        25     40",
        "  test       1        500   497         3       120     80",
        "Rejected: empty_id 2, time 4",
        "Rows left out: too short 47, capped 50",
        "Catalogue: 95 items to recommend, of 120 in the training data",
        "Metrics (test)  recall@20  mrr@20  ndcg@20  steps",
        "  known/last       0.5000  0.5000   0.5000  1,234",
        "Warning: split test: 7 of 120 sessions start early [checks.max_time_overlap]",
        "Recommendations for sessions of split test:",
        "Blessed: yes, 1 checks passed",
        "Pushed:  /out/pushed/7",
        "Report:  /out/page/report.html",
        "  a, b  ->  d, e",
    ):
        assert line in text.splitlines()


def test_the_report_of_a_refused_model() -> None:
    reason = "known/all/recall@20: 0.3000 is below the threshold 0.4000"
    text = format_report(make_summary(blessed=False, reasons=[reason], pushed_model=None))
    assert f"Blessed: no\n  {reason}\nPushed:  nothing" in text
    assert "(by the model pushed before, /out/pushed/7)" in text
    none = format_report(make_summary(pushed_model=None, recommendations=None))
    assert "Recommendations: none, since no model has been pushed yet" in none


def test_the_report_says_why_a_blessed_model_was_not_pushed() -> None:
    check = {"passed": False, "reasons": ["p50 latency: 9.1 ms, allowed are 0.1"], "figures": {}}
    text = format_report(make_summary(pushed_model=None, serving_check=check))
    lines = text[text.index("Pushed:") :].splitlines()[:3]
    assert lines == [
        "Pushed:  nothing",
        "  The serving check failed:",
        "  p50 latency: 9.1 ms, allowed are 0.1",
    ]


FIGURES = {"recall@100": 0.9876, "exact": {"p50_ms": 20.0}, "approximate": {"p50_ms": 1.5}}


@pytest.mark.parametrize(
    ("index", "lines"),
    [
        (None, []),
        (
            {"passed": True, "reasons": [], "figures": FIGURES, "pushed": "/out/pushed_index/7"},
            ["Index:   /out/pushed_index/7", "  recall@100 0.9876, 1.50 ms instead of 20.00 ms"],
        ),
        (
            {"passed": False, "reasons": ["recall@100: 0.5"], "figures": FIGURES, "pushed": None},
            ["Index:   refused, not pushed", "  recall@100: 0.5"],
        ),
    ],
)
def test_the_report_names_the_approximate_index(index: Any, lines: list[str]) -> None:
    text = format_report(make_summary(index=index)).splitlines()
    start = text.index("Pushed:  /out/pushed/7") + 1
    assert text[start : text.index("Report:  /out/page/report.html")] == lines


def test_the_report_says_that_nothing_ran() -> None:
    text = format_report(make_summary(nodes={"ran": [], "cached": ["Trainer", "Transform"]}))
    assert "nothing had to run, all 2 nodes came from the cache" in text.splitlines()[0]


def test_an_undefined_metric_is_a_dash() -> None:
    summary = make_summary()
    summary["metrics"]["known/all/mrr@20"] = None
    assert "  known/all        0.5000       -   0.5000  1,234" in format_report(summary)
