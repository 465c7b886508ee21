"""The baselines' metrics on the public session files, against those of their authors' code.

The files (two weeks of RetailRocket's item views, a piece of Yoochoose's clicks) are not in the
repository: `SESSION_DATA` names the folder that holds them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from modules.baselines.registry import IndexedSplits, make_baseline
from modules.config.options.baselines import BaselineOptions
from modules.evaluation.metrics import metrics_from_rank_histograms

DATA = Path(os.environ.get("SESSION_DATA") or Path(__file__).parents[3] / "shared" / "data")
FILES = {
    "retailrocket": (
        "retailrocket/retailrocket_processed_view_train_valid.tsv",
        "retailrocket/retailrocket_processed_view_test.tsv",
    ),
    "yoochoose": (
        "yoochoose/yoochoose-clicks-100k_train_full.tsv",
        "yoochoose/yoochoose-clicks-100k_test.tsv",
    ),
}
STEPS = {"retailrocket": (13_777, 5_506), "yoochoose": (10_152, 3_416)}
# Recall@20 and MRR@20 over all known steps, then over the last one of each session.
METRICS = [
    ("retailrocket", "popularity", {}, (0.036, 0.007), (0.039, 0.008)),
    ("retailrocket", "session_popularity", {}, (0.213, 0.123), (0.225, 0.145)),
    ("retailrocket", "sequential_rules", {}, (0.350, 0.152), (0.399, 0.185)),
    (
        "retailrocket",
        "sequential_rules",
        {"rules_repeats": False},
        (0.322, 0.151),
        (0.357, 0.180),
    ),
    ("retailrocket", "item_cooccurrence", {}, (0.263, 0.127), (0.308, 0.160)),
    ("retailrocket", "v_sknn", {}, (0.391, 0.142), (0.446, 0.172)),
    ("retailrocket", "stan", {}, (0.431, 0.177), (0.487, 0.215)),
    ("retailrocket", "stan", {"stan_current_item_factor": 0.05}, (0.431, 0.212), (0.487, 0.260)),
    ("yoochoose", "popularity", {}, (0.089, 0.026), (0.095, 0.031)),
    ("yoochoose", "session_popularity", {}, (0.381, 0.265), (0.402, 0.303)),
    ("yoochoose", "sequential_rules", {}, (0.642, 0.353), (0.628, 0.357)),
    ("yoochoose", "sequential_rules", {"rules_repeats": False}, (0.392, 0.184), (0.363, 0.170)),
    ("yoochoose", "item_cooccurrence", {}, (0.408, 0.186), (0.380, 0.177)),
    ("yoochoose", "v_sknn", {}, (0.687, 0.364), (0.677, 0.381)),
    ("yoochoose", "stan", {}, (0.676, 0.355), (0.670, 0.377)),
    ("yoochoose", "stan", {"stan_current_item_factor": 0.05}, (0.675, 0.316), (0.669, 0.353)),
]


def _read(path: Path) -> tuple[list[list[str]], list[int]]:
    events = pd.read_csv(path, sep="\t", dtype={"SessionId": str, "ItemId": str})
    events = events.sort_values(["SessionId", "Time"], kind="stable")
    sessions = events.groupby("SessionId", sort=False)
    unit = 1 if events["Time"].max() > 1e11 else 1000
    return sessions["ItemId"].agg(list).tolist(), (sessions["Time"].min() * unit).astype(
        int
    ).tolist()


@pytest.fixture(scope="module")
def splits() -> Mapping[str, IndexedSplits]:
    if not DATA.is_dir():
        pytest.skip("the real session files are not at hand; SESSION_DATA names their folder")
    found = {}
    for name, (train, test) in FILES.items():
        sessions, times = _read(DATA / train)
        found[name] = IndexedSplits.of(sessions, _read(DATA / test)[0], times)
    return found


@pytest.mark.parametrize(("data", "name", "settings", "all_steps", "last_step"), METRICS)
def test_published_metrics(
    splits: Mapping[str, IndexedSplits],
    data: str,
    name: str,
    settings: Mapping[str, float],
    all_steps: tuple[float, float],
    last_step: tuple[float, float],
) -> None:
    steps, baseline = splits[data], make_baseline(name, BaselineOptions(**settings))

    begin = time.perf_counter()
    baseline.fit(steps.train, steps.items)
    values = metrics_from_rank_histograms(steps.ranks(baseline).histograms())
    seconds = time.perf_counter() - begin

    assert (values["known/all/n"], values["known/last/n"]) == STEPS[data]
    assert values["known/all/recall@20"] == pytest.approx(all_steps[0], abs=0.005)
    assert values["known/all/mrr@20"] == pytest.approx(all_steps[1], abs=0.005)
    assert values["known/last/recall@20"] == pytest.approx(last_step[0], abs=0.005)
    assert values["known/last/mrr@20"] == pytest.approx(last_step[1], abs=0.005)
    assert seconds < 30  # 4 s at most on two quiet cores
