"""Baselines on sessions of a few items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from modules.baselines.base import Baseline
from modules.baselines.registry import IndexedSplits
from modules.evaluation.metrics import metrics_from_rank_histograms
from modules.evaluation.prediction_steps import StepRanks

Sessions = Sequence[Sequence[Hashable]]


def random_sessions(seed: int, count: int = 120, items: int = 9) -> list[list[str]]:
    """Returns sessions of 1 to 13 events each."""
    random = np.random.default_rng(seed)
    return [
        [str(item) for item in random.integers(0, items, random.integers(1, 14))]
        for _ in range(count)
    ]


def step_ranks(
    baseline: Baseline, train: Sessions, test: Sessions, train_times: Sequence[int] | None = None
) -> StepRanks:
    """Fits a baseline and ranks every step of the test sessions."""
    splits = IndexedSplits.of(train, test, train_times)
    baseline.fit(splits.train, splits.items)
    return splits.ranks(baseline)


def evaluate_baseline(
    baseline: Baseline, train: Sessions, test: Sessions, train_times: Sequence[int] | None = None
) -> dict[str, float]:
    """Fits a baseline on the training sessions and returns its metrics on the test sessions."""
    return metrics_from_rank_histograms(step_ranks(baseline, train, test, train_times).histograms())
