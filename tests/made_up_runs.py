"""Made-up runs of an output folder, as runs leave them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.evaluation.metric_names import headline_names
from pipeline.config import load_config
from pipeline.monitor.records import new_folder, write_report
from pipeline.run.run_folders import FAILURE_FILE, REFRESH_FILE, record_event, record_run
from tests.run_summaries import GATE, make_summary

FIRST = datetime.datetime(2015, 9, 12, 3, tzinfo=datetime.timezone.utc)
MODELS = {"candidate": 0.45, "popularity": 0.1, "stan": 0.43, "last_blessed": 0.44}


def started(number: int) -> float:
    """Returns when the run of a day began, in seconds since 1970."""
    return (FIRST + datetime.timedelta(days=number)).timestamp()


def day_of(number: int) -> str:
    """Returns the evaluated day of a run, the one before its start."""
    return (FIRST + datetime.timedelta(days=number - 1)).date().isoformat()


def headlines(number: int) -> dict[str, Any]:
    """Returns the headline metrics of a run's models, with intervals."""
    found: dict[str, Any] = {}
    for model, level in MODELS.items():
        value = level + 0.02 * math.sin(number / 3)
        found[model] = {
            name: {"value": value, "interval": [value - 0.03, value + 0.03], "n": 1234}
            for name in headline_names()
        }
    if number == 0:
        del found["last_blessed"]
    return found


def summary_of(number: int, blessed: bool = True, **changes: Any) -> dict[str, Any]:
    """Returns the summary of the run of a day."""
    version = f"/out/pushed/{number + 1}"
    drift = {"max_item_drift": 0.01 + 0.001 * number, "max_session_count_change": 0.05}
    return make_summary(
        window={"day": day_of(number), "bytes": {}},
        run_id=f"run-{number}",
        started=datetime.datetime.fromtimestamp(
            started(number), datetime.timezone.utc
        ).strftime("%Y-%m-%dT%H:%M:%SZ"),
        blessed=blessed,
        reasons=["all checks passed"] if blessed else ["recall fell <b>far</b>", "mrr fell"],
        gate={**GATE, "headlines": headlines(number)},
        pushed_model=version if blessed else None,
        served_model=version if blessed else f"/out/pushed/{max(number, 1)}",
        data_checks=[
            {"name": name, "split": "train", "value": value, "limit": None, "verdict": "passed"}
            for name, value in drift.items()
        ],
        disk_bytes=10**8 * (number + 1),
        seconds={"total": 60.0 + number, "cpu": 90.0 + number, "nodes": {}},
        report=None,
        **changes,
    )  # fmt: skip


def finish(out: Path, number: int, blessed: bool = True, **changes: Any) -> Path:
    """Records a finished run with a report, and returns its folder."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "page.html"
    page.write_text("<html>a report", "utf-8")
    summary = {**summary_of(number, blessed), "report": str(page), **changes}
    return record_run(out, load_config("sample"), summary, started(number), f"identity-{number}")


def fail(out: Path, number: int, node: str = "Trainer", cause: str = "OSError: disk full") -> Path:
    """Records a failed run, and returns its folder."""
    failure = {
        "pipeline": "shop",
        "node": node,
        "cause": cause,
        "served_model": f"/out/pushed/{max(number, 1)}",
        "seconds": 12.5,
        "log": "/out/logs/1.log",
    }
    return record_event(out, FAILURE_FILE, failure, started(number), day_of(number))


def refresh(out: Path, number: int, base: str = "1", version: str = "99") -> Path:
    """Records a refresh, and returns its folder."""
    content = {
        "base": f"/out/pushed/{base}",
        "pushed_model": f"/out/pushed/{version}",
        "catalogue": 100,
        "offered": 60,
        "seconds": 2.5,
    }
    return record_event(out, REFRESH_FILE, content, started(number) + 3600)


def monitor(
    out: Path, version: str = "7", recall: float = 0.25, exceeded: Sequence[str] = ()
) -> Path:
    """Records the monitoring of a version that was on trial, and returns its folder."""
    estimate = {"value": recall, "interval": [0.2, 0.3]}
    measured = {
        "last": "2026-11-30T21:49:50Z",
        "requests": 1234,
        "oov_share": 0.125,
        "stale_share": None,
        "p99_ms": 31.0,
    }
    groups = [
        {"version": version, "label": label, "metrics": {"recall@20": each}}
        for label, each in (("canary", estimate), ("stable", {"value": None, "interval": None}))
    ]
    checks = [{"name": name, "version": version, "verdict": "failed"} for name in exceeded]
    report = {
        "format": 1,
        "made": "2026-11-30T22:00:00Z",
        "versions": {version: measured},
        "groups": groups,
        "checks": checks,
    }
    return write_report(report, "<html>", new_folder(out)).parent
