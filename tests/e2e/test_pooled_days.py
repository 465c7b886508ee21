"""Runs of one day after another whose verdicts take the days together: `make test-fortnight`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.paths import PROJECT
from pipeline.sample.generate import write_sample

pytestmark = pytest.mark.exhaustive
SETTINGS = (
    "trainer.max_epochs=2 model.embedding_dim=16 model.gru_units=16 "
    "gate.beat_baselines=[popularity] gate.pooled_days=3"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training file, and two days to evaluate."""
    folder = tmp_path_factory.mktemp("days")
    write_sample(folder, sessions=2_000)
    head, *rows = (folder / "test.tsv").read_text("utf-8").splitlines(keepends=True)
    starts: dict[str, str] = {}
    for row in rows:
        session, _, time = row.rstrip("\n").split("\t")
        starts[session] = min(time, starts.get(session, time))
    middle = sorted(starts.values())[len(starts) // 2]
    for name, is_first in (("first.tsv", True), ("second.tsv", False)):
        kept = [row for row in rows if (starts[row.split("\t")[0]] < middle) is is_first]
        (folder / name).write_text("".join([head, *kept]), "utf-8")
    return folder


def _run(data: Path, test: str) -> tuple[set[str], dict]:
    """Runs the pipeline; returns the nodes that were not cached, and the verdict."""
    arguments = ["--train", str(data / "train.tsv"), "--test", str(data / test)]
    arguments += ["--set", SETTINGS, "--out", str(data / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"},
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = set(re.findall(r"^\[\d+/\d+\] (\w+) ", done.stdout, re.MULTILINE))
    cached = set(re.findall(r"^\[\d+/\d+\] (\w+) \.\.\. cached$", done.stdout, re.MULTILINE))
    verdicts = (data / "out" / "artifacts" / "ModelGate" / "verdict").glob("*/verdict.json")
    newest = max(verdicts, key=lambda file: int(file.parent.name))
    return nodes - cached, json.loads(newest.read_text("utf-8"))


@pytest.fixture(scope="module")
def first(data: Path) -> dict:
    """The verdict about the first day."""
    return _run(data, "first.tsv")[1]


@pytest.fixture(scope="module")
def again(first: dict, data: Path) -> None:
    """The same day again, whose model is compared with itself now."""
    _run(data, "first.tsv")


def test_a_repeated_day_stays_cached(first: dict, again: None, data: Path) -> None:
    assert first["blessed"], first["reasons"]
    assert len(first["days"]) == 1
    ran, _ = _run(data, "first.tsv")
    assert ran == {"AcceptedStatistics", "PreviousVerdict"}  # the resolvers


def test_a_day_is_taken_together_with_the_day_before(first: dict, data: Path) -> None:
    _, second = _run(data, "second.tsv")
    starts = [day["first_start"] for day in second["days"]]
    assert starts[0] == first["days"][0]["first_start"] < starts[1]
    pooled = {row["metric"]: row for row in second["rows"] if row["days"]}
    assert pooled["honest/all/recall@20 over 2 days"]["against"] == "popularity"
