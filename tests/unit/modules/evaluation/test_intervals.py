"""Metrics and differences with their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation.intervals import MetricEstimates
from modules.evaluation.rank_table import (
    CANDIDATE,
)
from modules.gate.checks import (
    STEPS_JUDGED,
    value_check,
)
from tests.rank_tables import BOUNDS, RECALL, make_table


def test_figures_and_paired_differences_by_hand() -> None:
    table = make_table(candidate=[[1, 30], [2]], popularity=[[30, 30], [1]])
    figures = MetricEstimates(table, [RECALL, f"{RECALL}/context_length=2"], BOUNDS, 500, seed=0)
    assert figures.value(RECALL, CANDIDATE) == pytest.approx(2 / 3)
    assert figures.value(f"{RECALL}/context_length=2", CANDIDATE) == 0
    assert figures.n(f"{RECALL}/context_length=2") == 1
    difference = figures.difference(RECALL, CANDIDATE, "popularity", 0.95)
    assert (difference.value, difference.n) == (pytest.approx(1 / 3), 3)
    # Draws: both sessions twice (1/2), each once (1/3), the second twice (0).
    assert difference.interval == pytest.approx((0.0, 0.5))


def test_a_count_of_steps_is_no_mean() -> None:
    table = make_table(candidate=[[1, 30], [2]])
    figures = MetricEstimates(table, [STEPS_JUDGED], BOUNDS, 100, seed=0)
    check = value_check(figures.figure(STEPS_JUDGED, CANDIDATE, 0.95), STEPS_JUDGED, 1.0)
    assert (check.value, check.interval, check.n) == (3.0, None, 3)
    assert check.reason == "honest/all/n: 3 is not below the threshold 1"


def test_pairing_removes_what_sessions_have_in_common() -> None:
    random = np.random.default_rng(0)
    easy = random.random(2_000) < 0.5
    candidate = np.where(easy, 1, 99_999)
    other = candidate.copy()
    other[:20] = 99_999  # a hundredth of all, half of them hits
    rows = {"candidate": candidate[:, None].tolist(), "other": other[:, None].tolist()}
    figures = MetricEstimates(make_table(**rows), [RECALL], BOUNDS, 1_000, seed=0)
    paired = figures.difference(RECALL, CANDIDATE, "other", 0.95).interval
    alone = figures.figure(RECALL, CANDIDATE, 0.95).interval
    assert paired and alone and paired[0] > 0
    assert (paired[1] - paired[0]) < (alone[1] - alone[0]) / 4
