"""Bootstrap over sessions, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modules.evaluation.bootstrap import (
    percentile_interval,
    ratios,
    resampled_sums,
    sampling_units,
)


def test_two_sessions_have_three_possible_draws() -> None:
    # Session a: 1 hit of 1; b: 0 of 3. Draws: aa 1/1 (1 in 4), ab 1/4 (2 in 4), bb 0/3 (1 in 4).
    drawn = resampled_sums(np.array([[1.0, 1.0], [0.0, 3.0]]), resamples=20_000, seed=3)
    values, counts = np.unique(ratios(drawn[:, 0], drawn[:, 1]), return_counts=True)
    assert values.tolist() == [0.0, 0.25, 1.0]
    np.testing.assert_allclose(counts / 20_000, [0.25, 0.5, 0.25], atol=0.015)


def test_an_interval_is_that_of_the_normal_theory() -> None:
    random = np.random.default_rng(0)
    hits = random.random(4_000) < 0.3
    per_session = np.stack([hits, np.ones(4_000)], axis=1)
    drawn = resampled_sums(per_session, resamples=4_000, seed=0)
    interval = percentile_interval(ratios(drawn[:, 0], drawn[:, 1]), 0.95)
    error = 1.96 * math.sqrt(hits.mean() * (1 - hits.mean()) / 4_000)
    assert interval == pytest.approx((hits.mean() - error, hits.mean() + error), abs=0.0015)


def test_whole_sessions_are_drawn() -> None:
    # Ten equal steps a session tell no more than one: as wide as over single steps of 100 sessions.
    hits = np.repeat(np.arange(100) % 2, 1).astype(float)
    for steps in (1.0, 10.0):
        drawn = resampled_sums(np.stack([hits * steps, np.full(100, steps)], 1), 2_000, seed=1)
        low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], 0.95) or (0, 0)
        assert high - low == pytest.approx(2 * 1.96 * 0.05, abs=0.02)


def test_the_same_seed_gives_the_same_draws() -> None:
    values = np.random.default_rng(0).random((50, 3))
    again = resampled_sums(values, 200, seed=7)
    np.testing.assert_array_equal(resampled_sums(values, 200, seed=7), again)
    assert not np.array_equal(resampled_sums(values, 200, seed=8), again)


def test_groups_of_sessions_give_the_same_interval() -> None:
    random = np.random.default_rng(2)
    values = np.stack([random.random(20_000), np.ones(20_000)], axis=1)
    widths = []
    for most in (20_000, 500):
        unit = sampling_units(20_000, seed=0, max_units=most)
        per_unit = np.stack([np.bincount(unit, column) for column in values.T], axis=1)
        drawn = resampled_sums(per_unit, 1_000, seed=0)
        low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], 0.95) or (0, 0)
        widths.append(high - low)
    assert len(per_unit) == 500
    assert widths[1] == pytest.approx(widths[0], rel=0.12)


def test_nothing_has_no_interval() -> None:
    drawn = resampled_sums(np.zeros((0, 2)), resamples=5, seed=0)
    assert drawn.shape == (5, 2)
    assert percentile_interval(ratios(drawn[:, 0], drawn[:, 1]), 0.95) is None
