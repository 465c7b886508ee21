from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from modules.sessions.examples import ExampleEncoder
from pipeline.run.console_summary import format_report
from pipeline.run.summary import data_counts, example_sessions
from pipeline.run.summary_file import read_summary, write_summary

PROJECT = Path(__file__).resolve().parents[4]

# What SessionExampleGen counts where eval is cut from train.
COUNTS = {
    "train.files": 4,
    "test.files": 1,
    "train.rows_read": 1000,
    "train.rows_rejected.time": 3,
    "train.rows_rejected.empty_id": 0,
    "train.rows_kept": 800,
    "train.rows_too_short": 47,
    "train.rows_capped": 50,
    "train.sessions": 200,
    "train.items": 90,
    "eval.rows_kept": 100,
    "eval.sessions": 25,
    "eval.items": 40,
    "test.rows_read": 500,
    "test.rows_rejected.time": 1,
    "test.rows_rejected.empty_id": 2,
    "test.rows_kept": 497,
    "test.sessions": 120,
    "test.items": 80,
    "span": 0,
    "file_format": "tfrecords_gzip",
}


GATE = {
    "rows": [
        {
            "kind": "baseline",
            "metric": "honest/all/recall@20",
            "against": "popularity",
            "candidate": 0.25,
            "best_baseline": {"name": "sequential_rules", "value": 0.2},
            "last_blessed": None,
            "threshold": 0.0,
            "n": 1234,
            "value": 0.2,
            "interval": [0.19, 0.21],
            "verdict": "passed",
            "passed": True,
            "reason": "honest/all/recall@20: beats popularity by +0.2000 [+0.1900, +0.2100]",
        }
    ]
}


def _summary(**changes: Any) -> dict[str, Any]:
    metrics = {
        f"{view}/{steps}/{metric}@20": value
        for view, value in (("honest", 0.25), ("known", 0.5))
        for steps in ("all", "last")
        for metric in ("recall", "mrr", "ndcg")
    }
    sizes = {f"{view}/{steps}/n": 1234 for view in ("honest", "known") for steps in ("all", "last")}
    return {
        "format": 1,
        "pipeline": "shop",
        "run_id": "2026-01-01T00:00:00",
        "out": "/out",
        **data_counts(COUNTS),
        "catalogue": {"known_items": 120, "items": 95},
        "evaluated_split": "test",
        "metrics": {**metrics, **sizes},
        "last_blessed_metrics": {},
        "slices": {},
        "blessed": True,
        "reasons": ["honest/all/n: 1,234 is not below the threshold 1"],
        "gates": [],
        "gate": GATE,
        "baselines": {"popularity": metrics},
        "beyond_accuracy": {"coverage@20": {"value": 0.5, "interval": None}},
        "warnings": ["split test: 7 of 120 sessions start early [checks.max_time_overlap]"],
        "pushed_model": "/out/pushed/7",
        "serving_check": {"passed": True, "reasons": [], "figures": {"p50_ms": 1.5}},
        "report": "/out/page/report.html",
        "nodes": {"ran": ["Trainer"], "cached": ["Transform"]},
        "seed": 42,
        "versions": {"python": "3.10.1"},
        "recommendations": {
            "model": "/out/pushed/7",
            "examples": "/e",
            "split": "test",
            "sessions": [{"items": ["a", "b"], "next": "c", "recommended": ["d", "e"]}],
        },
        "seconds": {"total": 12.34, "nodes": {"Trainer": 5.0}},
        **changes,
    }


def test_counts_of_rows_add_up_over_splits() -> None:
    counts = data_counts(COUNTS)
    rows = counts["rows"]
    assert (rows["read"], rows["kept"]) == (1500, 1397)
    assert rows["rejected"] == {"empty_id": 2, "time": 4}
    assert rows["by_split"]["train"]["rejected"] == {"empty_id": 0, "time": 3}
    assert rows["by_split"]["eval"] == {
        "read": None,
        "kept": 100,
        "rejected": {},
        "dropped": {"too_short": 0, "capped": 0, "repeated": 0, "sampled_out": 0},
    }
    dropped = sum(sum(split["dropped"].values()) for split in rows["by_split"].values())
    assert rows["read"] == rows["kept"] + sum(rows["rejected"].values()) + dropped
    assert counts["sessions"] == {"train": 200, "eval": 25, "test": 120}
    assert counts["items"] == {"train": 90, "eval": 40, "test": 80}


def test_counts_of_leaks_and_times_are_kept_by_split() -> None:
    told = {
        "first_start": 1442004589439,
        "sessions_also_in.train": 3,
        "sessions_before_1990": 0,
        "sessions_before_end_of.eval": 2,
        "sessions_copied_from.train": 1,
    }
    counts = data_counts({**COUNTS, **{f"test.{name}": value for name, value in told.items()}})
    assert counts["split_counts"] == {"train": {}, "eval": {}, "test": told}


def test_example_sessions_are_of_the_evaluated_split(tmp_path: Path) -> None:
    encode = ExampleEncoder().encode
    for split, count in (("eval", 4), ("train", 9)):
        (tmp_path / f"Split-{split}").mkdir()
        items = [b"%s%d" % (split.encode(), number) for number in range(count)]
        with tf.io.TFRecordWriter(str(tmp_path / f"Split-{split}" / "data.gz"), "GZIP") as file:
            file.write(encode(b"s", 1, items, range(count)))
    assert example_sessions(tmp_path, "eval") == [["eval0", "eval1", "eval2", "eval3"]]
    assert example_sessions(tmp_path, "train") == []  # too long to read with ease
    assert example_sessions(tmp_path, "test") == []


def test_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    assert read_summary(tmp_path) == {}
    summary = _summary()
    assert write_summary(summary, tmp_path) == tmp_path / "summary.json"
    assert read_summary(tmp_path) == summary
    with pytest.raises(ValueError):
        write_summary(_summary(seed=math.nan), tmp_path)  # would be no JSON
    assert read_summary(tmp_path) == summary
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_of_another_format_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(_summary(format=99)))
    assert read_summary(tmp_path) == {}
    (tmp_path / "summary.json").write_text("{")
    assert read_summary(tmp_path) == {}


def test_every_key_is_documented() -> None:
    text = (PROJECT / "docs" / "summary.md").read_text("utf-8")
    for key in _summary():
        assert f"`{key}" in text, f"docs/summary.md does not tell what {key!r} is"


def test_the_report_has_all_parts() -> None:
    text = format_report(_summary())
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
    text = format_report(_summary(blessed=False, reasons=[reason], pushed_model=None))
    assert f"Blessed: no\n  {reason}\nPushed:  nothing" in text
    assert "(by the model pushed before, /out/pushed/7)" in text
    none = format_report(_summary(pushed_model=None, recommendations=None))
    assert "Recommendations: none, since no model has been pushed yet" in none


def test_the_report_says_why_a_blessed_model_was_not_pushed() -> None:
    check = {"passed": False, "reasons": ["p50 latency: 9.1 ms, allowed are 0.1"], "figures": {}}
    text = format_report(_summary(pushed_model=None, serving_check=check))
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
    text = format_report(_summary(index=index)).splitlines()
    start = text.index("Pushed:  /out/pushed/7") + 1
    assert text[start : text.index("Report:  /out/page/report.html")] == lines


def test_the_report_says_that_nothing_ran() -> None:
    text = format_report(_summary(nodes={"ran": [], "cached": ["Trainer", "Transform"]}))
    assert "nothing had to run, all 2 nodes came from the cache" in text.splitlines()[0]


def test_an_undefined_metric_is_a_dash() -> None:
    summary = _summary()
    summary["metrics"]["known/all/mrr@20"] = None
    assert "  known/all        0.5000       -   0.5000  1,234" in format_report(summary)
