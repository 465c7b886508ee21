"""Distances between served and training sessions, by TFDV."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from pipeline.monitor import skew
from pipeline.monitor.skew import (
    LENGTH,
    LONGEST,
    POPULARITY,
    Features,
    compare,
    compare_items,
    moved_items,
)
from pipeline.monitor.training_data import Sessions

ITEMS = [b"i%d" % number for number in range(40)]


def _sessions(lists):
    flat = np.empty(sum(map(len, lists)), object)
    flat[:] = [item for items in lists for item in items]
    return Sessions(flat, np.cumsum([0, *map(len, lists)]))


def _drawn(count, seed, items=ITEMS, lengths=(2, 3, 4)):
    rng = random.Random(seed)
    weights = [1 / (place + 1) for place in range(len(items))]
    return _sessions([rng.choices(items, weights, k=rng.choice(lengths)) for _ in range(count)])


def test_distances_are_those_of_the_shares():
    training = _sessions([[b"a", b"b"]] * 3 + [[b"a", b"b", b"c"]])
    served = _sessions([[b"a", b"c"], [b"b", b"c", b"z", b"z", b"z"]])
    found = compare(training, served, [b"a", b"b", b"c"], 2, 0)
    ours, others = [1, 1, 2, 3], [4, 4, 1, 0]
    items = found["item_ids"]
    assert items.divergence == pytest.approx(jensenshannon(ours, others, 2) ** 2, abs=1e-6)
    assert items.change == pytest.approx(3 / 7)  # of z, which training has not
    lengths = found[LENGTH]  # 2 and 3 against 2 and 5
    expected = jensenshannon([3, 1, 0], [1, 0, 1], 2) ** 2
    assert lengths.divergence == pytest.approx(expected, abs=1e-6)


def test_sessions_of_the_same_kind_differ_no_more_than_samples_of_training_sessions():
    training = _drawn(3000, 1)
    same = compare(training, _drawn(200, 2), ITEMS, 2, 0)
    for distance in same.values():
        assert distance.divergence <= 1.5 * distance.expected_divergence
    others = compare(training, _drawn(200, 3, ITEMS[::-1], (2, 9)), ITEMS, 2, 0)
    for name in (POPULARITY, LENGTH, "item_ids"):
        assert others[name].divergence > 3 * others[name].expected_divergence
        assert others[name].change > 3 * others[name].expected_change


def test_fewer_sessions_are_expected_to_differ_more():
    training = _drawn(3000, 1)
    few, many = (
        compare(training, _drawn(count, 2), ITEMS, 2, 0)["item_ids"].expected_divergence
        for count in (20, 2000)
    )
    assert few > 5 * many


def test_lengths_below_the_shortest_of_training_are_left_out_and_long_ones_are_one_category():
    features = Features(ITEMS, 2)
    sessions = _sessions([[b"i0"] * length for length in (1, 2, LONGEST, 500)])
    assert features.lengths(sessions).tolist() == [2, LONGEST, LONGEST]


def test_shares_of_popularity_groups_are_of_known_items():
    features = Features(ITEMS, 1)
    found = features.group_shares(_sessions([[b"i0", b"i9", b"i10"], [b"unknown", b"i39"]]))
    assert found == {"1-10": 0.5, "11-100": 0.5}
    assert features.group_shares(_sessions([[b"unknown"]])) == {}


def test_statistics_alone_compare_the_items():
    training = Features((), 1).statistics(_drawn(500, 1))
    found = compare_items(training, _drawn(50, 2))
    assert list(found) == ["item_ids"]
    assert found["item_ids"].expected_divergence is None


def test_items_that_are_not_utf_8_are_compared():
    sessions = _sessions([[b"\xff", b"a"]] * 5)
    found = compare(sessions, sessions, [b"a", b"\xff"], 1, 0)
    assert found[POPULARITY].divergence == pytest.approx(0, abs=1e-6)


def test_served_sessions_without_any_known_item_have_no_popularity():
    found = compare(_drawn(50, 1), _sessions([[b"x", b"y"]]), ITEMS, 2, 0)
    assert POPULARITY not in found and found["item_ids"].divergence == pytest.approx(1)


def test_the_items_whose_shares_changed_most_are_named():
    training, served = _sessions([[b"a", b"b", b"c", b"d"]]), _sessions([[b"a", b"z"], [b"\xff"]])
    found = moved_items(training, served, most=2)
    assert [one["item"] for one in found] == ["\ufffd", "z"]
    assert found[1] == {"item": "z", "training": 0.0, "served": pytest.approx(1 / 3)}
    assert moved_items(_sessions([]), _sessions([])) == []


def test_a_single_training_session_has_no_samples():
    found = compare(_sessions([[b"a", b"b"]]), _sessions([[b"a"]]), [b"a", b"b"], 1, 0)
    assert found["item_ids"].expected_divergence is None


def test_distances_are_the_same_each_time_and_over_all_items():
    many = [b"i%d" % number for number in range(3000)]
    training, served = _drawn(4000, 1, many), _drawn(2000, 2, many)
    first, second = (compare(training, served, many, 2, 7)["item_ids"] for _ in range(2))
    assert first == second
    ours, others = (Counter(sessions.items.tolist()) for sessions in (training, served))
    shares = [[counts[item] for item in many] for counts in (ours, others)]
    assert first.divergence == pytest.approx(jensenshannon(*shares, 2) ** 2, abs=1e-5)
    assert first.divergence < 1.5 * first.expected_divergence


def test_more_served_sessions_than_are_drawn_are_seen_to_differ(monkeypatch):
    """As many are compared as samples have: else the noise of small samples hides the change."""
    monkeypatch.setattr(skew, "MOST_DRAWN", 300)
    items = [b"i%d" % number for number in range(400)]
    training = _drawn(6_000, 1, items)
    same = compare(training, _drawn(6_000, 2, items), items, 1, 7)["item_ids"]
    other = compare(training, _drawn(6_000, 3, items[::-1]), items, 1, 7)["item_ids"]
    assert same.divergence <= 1.1 * same.expected_divergence
    assert other.divergence > 1.5 * other.expected_divergence
