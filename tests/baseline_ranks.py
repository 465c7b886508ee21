"""Baselines on sessions of a few items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modules.baselines.base import Baseline
from modules.baselines.registry import IndexedSplits
from modules.evaluation.metrics import metrics_from_rank_histograms
from modules.evaluation.prediction_steps import StepRanks

Sessions = Sequence[Sequence[Hashable]]


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
