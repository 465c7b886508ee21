"""Intervals of groups of sessions, and of the difference of two."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.monitor.estimates import BETTER, NOT_SHOWN, WORSE, Group, Metric


def _metric(values, counted=None, higher=True):
    values = np.asarray(values, float)
    return Metric(values, np.ones(len(values), bool) if counted is None else counted, higher)


def _two(first, second, sessions, per_session=5, seed=0):
    """Draws requests of two groups that hit with these shares."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(2 * sessions), per_session)
    in_first = session < sessions
    values = rng.random(len(session)) < np.where(in_first, first, second)
    metrics = {"hit": _metric(values)}
    return [
        Group(metrics, session, chosen, 1000, 42 + place)
        for place, chosen in enumerate((in_first, ~in_first))
    ]


def test_a_mean_is_over_the_counted_requests_of_the_group():
    values, counted = [1, 0, 1, 1], np.array([True, True, False, True])
    chosen = np.array([True, True, True, False])
    group = Group({"hit": _metric(values, counted)}, np.array([5, 5, 9, 9]), chosen, 200, 0)
    found = group.estimate("hit", 0.95)
    assert (found.value, found.n, found.sessions) == (0.5, 2, 1)


def test_an_interval_of_independent_requests_is_that_of_a_share():
    (group, _) = _two(0.3, 0.3, 400, per_session=1)
    low, high = group.estimate("hit", 0.95).interval
    value = group.estimate("hit", 0.95).value
    half = 1.96 * np.sqrt(value * (1 - value) / 400)
    assert (low, high) == pytest.approx((value - half, value + half), abs=0.01)


def test_requests_of_one_session_are_not_independent():
    session = np.repeat(np.arange(50), 20)
    hit = np.random.default_rng(0).random(50) < 0.5
    group = Group({"hit": _metric(hit[session])}, session, np.ones(1000, bool), 1000, 0)
    low, high = group.estimate("hit", 0.95).interval
    assert high - low > 0.2  # of 1,000 independent requests it would be 0.06


@pytest.mark.parametrize(
    ("first", "higher", "verdict"),
    [(0.2, True, WORSE), (0.2, False, BETTER), (0.6, True, BETTER)],
)
def test_a_difference_beyond_noise_has_a_verdict(first, higher, verdict):
    ours, others = _two(first, 0.4, 200)
    found = ours.difference(others, "hit", 0.95, higher)
    assert found.verdict == verdict
    low, high = found.interval
    assert low <= found.value <= high


def test_fewer_than_20_sessions_prove_nothing():
    ours, others = _two(0.0, 1.0, 19)
    found = ours.difference(others, "hit", 0.95, True)
    assert (found.verdict, found.value) == (NOT_SHOWN, -1.0)
    assert "19 sessions only" in found.reason
    ours, others = _two(0.0, 1.0, 20)
    assert ours.difference(others, "hit", 0.95, True).verdict == WORSE


def test_nothing_compares_with_nothing():
    metrics = {"hit": _metric([1, 1])}
    groups = [
        Group(metrics, np.array([0, 1]), np.array(c), 100, 0) for c in ([True] * 2, [False] * 2)
    ]
    found = groups[0].difference(groups[1], "hit", 0.95, True)
    assert (found.value, found.interval, found.verdict) == (None, None, NOT_SHOWN)
    assert groups[1].estimate("hit", 0.95).as_json() == {
        **{"value": None, "interval": None, "n": 0, "sessions": 0}
    }


def test_equal_groups_are_rarely_found_different():
    verdicts = []
    for seed in range(60):
        ours, others = _two(0.3, 0.3, 60, seed=seed)
        verdicts.append(ours.difference(others, "hit", 0.95, True).verdict)
    assert verdicts.count(NOT_SHOWN) >= 54
