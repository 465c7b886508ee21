"""Metrics and differences with their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation.intervals import MetricEstimates
from modules.evaluation.rank_table import (
    CANDIDATE,
)
from modules.gate.metric_checks import (
    STEPS_EVALUATED,
    value_check,
)
from tests.rank_tables import BOUNDS, RECALL, make_table


def test_estimates_and_paired_differences_by_hand() -> None:
    table = make_table(candidate=[[1, 30], [2]], popularity=[[30, 30], [1]])
    estimates = MetricEstimates(table, [RECALL, f"{RECALL}/context_length=2"], BOUNDS, 500, seed=0)
    assert estimates.value(RECALL, CANDIDATE) == pytest.approx(2 / 3)
    assert estimates.value(f"{RECALL}/context_length=2", CANDIDATE) == 0
    assert estimates.n(f"{RECALL}/context_length=2") == 1
    difference = estimates.difference(RECALL, CANDIDATE, "popularity", 0.95)
    assert (difference.value, difference.n) == (pytest.approx(1 / 3), 3)
    # Draws: both sessions twice (1/2), each once (1/3), the second twice (0).
    assert difference.interval == pytest.approx((0.0, 0.5))


def test_a_count_of_steps_has_no_interval() -> None:
    table = make_table(candidate=[[1, 30], [2]])
    estimates = MetricEstimates(table, [STEPS_EVALUATED], BOUNDS, 100, seed=0)
    check = value_check(estimates.estimate(STEPS_EVALUATED, CANDIDATE, 0.95), STEPS_EVALUATED, 1.0)
    assert (check.value, check.interval, check.n) == (3.0, None, 3)
    assert check.reason == "honest/all/n: 3 is not below the threshold 1"


def test_pairing_removes_what_sessions_have_in_common() -> None:
    random = np.random.default_rng(0)
    easy = random.random(2_000) < 0.5
    candidate = np.where(easy, 1, 99_999)
    other = candidate.copy()
    other[:20] = 99_999  # a hundredth of all, half of them hits
    rows = {"candidate": candidate[:, None].tolist(), "other": other[:, None].tolist()}
    estimates = MetricEstimates(make_table(**rows), [RECALL], BOUNDS, 1_000, seed=0)
    paired = estimates.difference(RECALL, CANDIDATE, "other", 0.95).interval
    alone = estimates.estimate(RECALL, CANDIDATE, 0.95).interval
    assert paired and alone and paired[0] > 0
    assert (paired[1] - paired[0]) < (alone[1] - alone[0]) / 4
