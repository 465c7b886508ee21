"""A run's summary as text for the console."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.run.console_summary import format_report
from tests.run_summaries import GATE, make_summary


def _row(kind: str, metric: str, reason: str) -> dict[str, Any]:
    """Returns a check that failed."""
    found = f"{metric}: {reason}"
    return {"kind": kind, "metric": metric, "passed": False, "verdict": "failed", "reason": found}


def test_the_report_has_all_parts() -> None:
    text = format_report(make_summary())
    assert text.startswith("Pipeline shop finished in 12.3 s, 1 node from the cache.")
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
        "Blessed: yes, 1 check passed",
        "Pushed:  /out/pushed/7",
        "Report:  /out/page/report.html",
        "  a, b  ->  d, e",
    ):
        assert line in text.splitlines()


def test_a_list_that_names_no_id_of_the_log_is_said() -> None:
    summary = make_summary()
    train = summary["rows"]["by_split"]["train"]
    train["dropped"] = {**train["dropped"], "forgotten": 0}
    assert ", forgotten 0 (no id of sessions.forget_file" in format_report(summary)
    train["dropped"]["forgotten"] = 3
    assert ", forgotten 3\n" in format_report(summary)


def test_the_report_of_a_refused_model() -> None:
    slices = [f"honest/all/recall@20/context_length={length}" for length in (1, 2)]
    rows = [
        _row("value", "known/all/recall@20", "0.3000 is below the threshold 0.4000"),
        _row("model", "finite scores", "scores are NaN"),
        *(_row("slice_change", name, "change from the last blessed model") for name in slices),
    ]
    reasons = [row["reason"] for row in rows]
    refused = make_summary(
        blessed=False, reasons=reasons, gate={"rows": GATE["rows"] + rows}, pushed_model=None
    )
    text = format_report(refused)
    assert text[text.index("Blessed:") : text.index("Recommendations")].splitlines()[:7] == [
        "Blessed: no, 4 of 5 checks failed",
        "  known/all/recall@20: 0.3000 is below the threshold 0.4000 [gate.thresholds]",
        "  finite scores: scores are NaN",
        "  2 slices fell behind the last blessed model [gate.slice_change_threshold]",
        "  What to do: the report below has all numbers, an option in brackets relaxes its check; "
        "see docs/evaluation.md, The gate",
        "Pushed:  nothing",
        "Report:  /out/page/report.html",
    ]
    assert "(by the newest pushed model, /out/pushed/7)" in text
    alone = format_report({**refused, "gate": {"rows": rows[1:2]}, "report": None})
    assert "  What to do: ModelGate's table in the log has all numbers; see docs/" in alone
    unknown = make_summary(blessed=False, reasons=["no node evaluated the model"], gate=None)
    assert "Blessed: no\n  no node evaluated the model\nPushed:" in format_report(unknown)
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
    assert "nothing had to run, 2 nodes came from the cache" in text.splitlines()[0]


@pytest.mark.parametrize("origin", ["an earlier run", "a refresh"])
def test_the_report_says_that_nothing_new_was_pushed(origin: str) -> None:
    line = f"Pushed:  nothing new, since {origin} pushed this model: /out/pushed/7"
    assert line in format_report(make_summary(pushed_by=origin)).splitlines()


def test_a_summary_of_a_former_version_can_be_reported() -> None:
    summary = make_summary()
    del summary["pushed_by"]
    assert "Pushed:  /out/pushed/7" in format_report(summary).splitlines()


def test_an_undefined_metric_is_a_dash() -> None:
    summary = make_summary()
    summary["metrics"]["known/all/mrr@20"] = None
    assert "  known/all        0.5000       -   0.5000  1,234" in format_report(summary)


def test_the_report_says_when_epochs_were_selected() -> None:
    adjustments = dict.fromkeys(("current_item_penalty", "earlier_item_boost"), 1.5)
    choices = {
        **{"epochs": 7, **adjustments, "popularity_weight": 0.3},
        **{"eval": {"recall@20": None, "mrr@20": None}},
        **{"options": "digest", "warm_start": False, "selected_until": 1442004589439},
    }
    (line,) = [
        line
        for line in format_report(make_summary(choices=choices)).splitlines()
        if line.startswith("Training: 7 epochs, ")
    ]
    assert line.endswith("selected on data until 2015-09-11 20:49:49.439 UTC")
    assert "Training:" not in format_report(make_summary(choices={"epochs": 7}))
    assert "Training:" not in format_report(make_summary(choices=None))


def test_the_report_says_how_much_of_the_catalogue_is_recommended() -> None:
    offers = {"items": "/in_stock.txt", "catalogue": 9_000, "offered": 8_500}
    text = format_report(make_summary(pushed_model="/out/pushed/7", offers=offers))
    assert "Offered: 8,500 of 9,000 items, by /in_stock.txt" in text.splitlines()
