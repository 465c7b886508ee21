"""The table of runs in ML Metadata."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from modules.evaluation.metric_names import headline_names
from modules.gate.check_record import FAILED as FAILED_CHECK
from modules.gate.check_record import Check
from modules.gate.metric_checks import FILE_NAME
from modules.gate.report_files import SERVING_REPORT
from pipeline.cli.main import main
from serving.lineage import record
from tests.metadata_store import CACHED, COMPLETE, FAILED, Store

METRICS = headline_names(steps=("all",))


def _verdict(folder: Path, value: float | None, *reasons: str) -> dict[str, str]:
    folder.mkdir(parents=True)
    metrics = {"candidate": dict.fromkeys(headline_names(), value)}
    verdict = {"blessed": not reasons, "reasons": list(reasons), "metrics": metrics}
    (folder / FILE_NAME).write_text(json.dumps(verdict), "utf-8")
    return {"uri": str(folder)}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    store = Store(tmp_path / "metadata.sqlite")
    good = _verdict(tmp_path / "1", 0.4569)
    store.node("run-1", "shop.Trainer", COMPLETE, model={})
    store.node("run-1", "shop.ModelGate", COMPLETE, verdict=dict(good))
    pushed = {"pushed": 1, "pushed_destination": "/p/1795672257"}
    store.node("run-1", "shop.Pusher", COMPLETE, pushed_model=pushed)
    bad = _verdict(tmp_path / "2", None, "recall fell", "mrr fell", "coverage fell")
    store.node("run-2", "shop.Trainer", CACHED, model={})
    store.node("run-2", "shop.ModelGate", COMPLETE, verdict=bad)
    store.node("run-2", "shop.Pusher", COMPLETE, pushed_model={"pushed": 0})
    store.node("run-3", "shop.Trainer", FAILED)
    store.node("run-4", "shop.Trainer", COMPLETE, model={})
    store.node("run-5", "shop.ModelGate", COMPLETE, verdict=dict(good))
    report = {"checks": [Check("p50 latency", FAILED_CHECK, "90 ms").as_json()], "figures": {}}
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / SERVING_REPORT).write_text(json.dumps(report), "utf-8")
    store.node("run-5", "shop.ServingValidator", COMPLETE, report={"uri": str(tmp_path / "5")})
    store.node("run-5", "shop.Pusher", COMPLETE, pushed_model={"pushed": 0})
    return tmp_path


def test_a_line_per_run_says_what_became_of_the_model(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--out", str(out)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    names = ["Run", "ran", "cached", "blessed", *METRICS, "pushed"]
    assert header.split() == names
    values, none = ["0.4569"] * len(METRICS), ["-"] * len(METRICS)
    assert [row.split(maxsplit=len(names) - 1) for row in rows] == [
        ["run-1", "3", "0", "yes", *values, "1795672257"],
        ["run-2", "2", "1", "no", *none, "nothing: recall fell and 2 more"],
        ["run-3", "0", "0", "-", *none, "nothing: Trainer failed"],
        ["run-4", "1", "0", "-", *none, "nothing: the run has not got that far"],
        ["run-5", "3", "0", "yes", *values, "nothing: p50 latency: 90 ms"],
    ]


def test_what_was_pushed_before_and_refreshed_is_told_from_what_a_run_pushed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, file = Store(tmp_path / "metadata.sqlite"), tmp_path / "metadata.sqlite"

    def run(name: str, state: int, version: int, origin: str) -> None:
        store.node(name, "shop.LatestBlessedModel", COMPLETE, kind="x.Resolver")
        pushed = {"pushed": 1, "pushed_destination": f"/p/{version}", "pushed_by": origin}
        store.node(name, "shop.Pusher", state, pushed_model=pushed)

    run("run-1", COMPLETE, 7, "this run")
    run("run-2", COMPLETE, 7, "an earlier run")
    time.sleep(0.01)  # the store counts milliseconds
    record(file, Path("/p/7"), Path("/p/8"), {"catalogue": 9, "offered": 6})
    time.sleep(0.01)
    run("run-3", COMPLETE, 8, "a refresh")
    run("run-4", CACHED, 7, "this run")

    assert main(["history", "--out", str(tmp_path)]) == 0
    rows = [row.split(maxsplit=8) for row in capsys.readouterr().out.splitlines()[1:]]
    assert [(ran, cached, pushed) for _, ran, cached, *_, pushed in rows] == [
        ("2", "0", "7"),
        ("2", "0", "nothing new, since an earlier run pushed 7"),
        ("-", "-", "8: refreshed from 7, 6 of 9 items"),
        ("2", "0", "nothing new, since a refresh pushed 8"),
        ("1", "1", "nothing new, since an earlier run pushed 7"),
    ]


def test_a_missing_verdict_leaves_the_rest_of_the_line(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(out / "1")
    (out / "2" / FILE_NAME).write_text("{", "utf-8")
    assert main(["history", "--out", str(out)]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["run-1", "3", "0", *["-"] * (1 + len(METRICS)), "1795672257"]
    assert rows[2][3] == "-"
    assert "verdict is missing" in " ".join(rows[2])
