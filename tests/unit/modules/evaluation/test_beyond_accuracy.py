"""Metrics beyond accuracy, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation.beyond_accuracy import RecommendationStats, sampled
from modules.evaluation.item_history import item_history
from tests.rank_tables import ids


def test_metrics_beyond_accuracy_by_hand() -> None:
    # a 4 events, b 2, c 1, d 1 of 8 in training.
    history = item_history(
        [(ids("a", "a", "b", "c"), np.arange(4)), (ids("a", "d", "b", "a"), np.arange(4))]
    )
    stats = RecommendationStats(history)
    recommended = np.stack([ids("a", "b"), ids("a", "c")])
    scores = np.array([[2.0, 1.0], [2.0, np.nan]])
    stats.add(np.array([0, 1]), [[b"b"], [b"d", b"c"]], ids("b", "new"), recommended, scores)
    assert stats.coverage == 3 / 4
    assert stats.ratios() == pytest.approx(
        {
            "average_popularity@20": (4 + 2 + 4 + 1) / 4,
            "target_popularity": 2.0,  # the new target has no popularity to compare with
            "popularity_ratio@20": (11 / 4) / 2,
            "novelty@20": (1 + 2 + 1 + 3) / 4,
            "repeats@20": 2 / 4,
        }
    )
    assert (stats.prefixes, stats.not_finite) == (2, 1)
    values = stats.metrics(resamples=200, seed=0, confidence=0.95, coverage_prefixes=2)
    assert values["prefixes"] == values["sessions"] == 2
    assert values["novelty@20"]["interval"] == [1.5, 2.0]
    assert values["coverage@20"] == {"value": 0.75, "interval": None}
    assert values["coverage@20/2"] == values["coverage@20"]
    assert stats.expected_coverage(1) == 2 / 4  # two items each
    assert np.isnan(stats.expected_coverage(3))


def test_rows_that_end_without_an_item_count_what_they_hold() -> None:
    """Fewer recommendable items than asked for: empty ids at the end do not count."""
    history = item_history([(ids("a", "a", "b", "c"), np.arange(4))])
    short, full = RecommendationStats(history), RecommendationStats(history)
    scores = np.array([[2.0, 1.0, -np.inf]])
    short.add(np.array([0]), [[b"a"]], ids("b"), np.stack([ids("a", "b", "")]), scores)
    full.add(np.array([0]), [[b"a"]], ids("b"), np.stack([ids("a", "b")]), scores[:, :2])
    assert short.ratios() == full.ratios()
    assert short.coverage == full.coverage == 2 / 3


def test_an_item_counts_once_for_a_prefix_that_shows_it_twice() -> None:
    history = item_history([(ids("a", "b"), np.arange(2))])
    stats = RecommendationStats(history)
    shown = np.stack([ids("a", "a"), ids("b", "b"), ids("b", "z")])
    stats.add(np.arange(3), [[b"a"]] * 3, ids("b", "b", "b"), shown, np.ones((3, 2)))
    assert stats.expected_coverage(1) == pytest.approx(1 / 2)
    assert stats.expected_coverage(2) == pytest.approx((2 / 3 + 1) / 2)


def test_metrics_beyond_accuracy_by_slice() -> None:
    history = item_history([(ids("a", "a", "b", "c"), np.arange(4))])
    stats = RecommendationStats(history, ["short", "long", "none"])
    recommended = np.stack([ids("a", "b"), ids("a", "b"), ids("c", "a")])
    in_slices = np.array([[True, True, False], [False, False, True], [False] * 3])
    stats.add(
        np.array([0, 0, 1]),
        [[b"a"], [b"a", b"b"], [b"z"]],
        ids("b", "a", "a"),
        recommended,
        np.ones((3, 2)),
        in_slices,
    )
    found = stats.metrics(resamples=200, seed=0, confidence=0.95, coverage_prefixes=2)
    assert found["prefixes"] == 3 and found["coverage@20"]["value"] == 1.0
    slices = found["slices"]
    assert list(slices) == ["short", "long"]  # one without a prefix says nothing
    assert (slices["short"]["prefixes"], slices["short"]["sessions"]) == (2, 1)
    assert slices["short"]["coverage@20"]["value"] == pytest.approx(2 / 3)
    assert slices["short"]["coverage@20/2"]["value"] == pytest.approx(2 / 3)
    assert slices["long"]["coverage@20/2"]["value"] is None  # of one prefix
    assert slices["short"]["repeats@20"]["value"] == 3 / 4
    assert slices["short"]["popularity_ratio@20"]["value"] == 1.0  # 6 / 4 to (1 + 2) / 2
    assert slices["long"]["repeats@20"]["value"] == 0.0
    assert slices["long"]["novelty@20"] == {"value": 1.5, "interval": [1.5, 1.5]}


def test_no_recommendation_gives_no_metric() -> None:
    stats = RecommendationStats(item_history([]))
    found = stats.metrics(resamples=100, seed=0, confidence=0.95, coverage_prefixes=2)
    assert found["prefixes"] == 0
    assert {entry["value"] for name, entry in found.items() if "@" in name} == {None}


def test_a_sample_of_sessions_is_fixed_and_of_about_the_requested_size() -> None:
    session_ids = np.array([f"session-{index}".encode() for index in range(20_000)], object)
    chosen = sampled(session_ids, 0.1, seed=42)
    assert 1_800 < chosen.sum() < 2_200
    np.testing.assert_array_equal(sampled(session_ids[::-1], 0.1, seed=42)[::-1], chosen)
    assert (sampled(session_ids, 0.3, seed=42) | ~chosen).all()
    assert (sampled(session_ids, 0.1, seed=1) != chosen).any()
