"""The summary of a run, and what it is made of."""

from __future__ import annotations

from typing import Any

from pipeline.run.summary import data_counts

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


def make_summary(**changes: Any) -> dict[str, Any]:
    """Returns the summary of a finished run, with some parts changed."""
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
        "started": "2026-01-01T00:00:00Z",
        "out": "/out",
        "window": None,
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
        "data_checks": [],
        "warnings": ["split test: 7 of 120 sessions start early [checks.max_time_overlap]"],
        "pushed_model": "/out/pushed/7",
        "pushed_by": "this run",
        "served_model": "/out/pushed/7",
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
        "disk_bytes": 10**6,
        "seconds": {"total": 12.34, "cpu": 20.5, "nodes": {"Trainer": 5.0}},
        **changes,
    }
