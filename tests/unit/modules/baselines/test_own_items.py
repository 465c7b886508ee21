"""Baselines recommend unknown items of the session, all by one rule."""

from __future__ import annotations

import numpy as np
import pytest

from modules.baselines.item_based import Popularity, SequentialRules
from modules.baselines.own_items import OwnItems, best_ranks
from modules.baselines.registry import BASELINES, IndexedSplits, make_baseline
from modules.evaluation.prediction_steps import Steps, index_sessions
from modules.evaluation.ranks import UNRANKED
from tests.baseline_ranks import random_sessions, step_ranks

# Popularity ranks a first, then b, c and d.
TRAIN = [["a"] * 4, ["b"] * 3, ["c"] * 2, ["d"]]


def test_own_items_of_prefixes_the_latest_first_and_the_current_last() -> None:
    sessions = ["xaxyx", "ab", "", "x", "xyzy", "xyzax"]
    own = OwnItems.of(index_sessions(sessions, {item: n for n, item in enumerate("abxyz")}), 2)
    assert own.count.tolist() == [1, 1, 1, 2, 0, 1, 2, 3, 1, 2, 3, 3]
    assert own.is_over.tolist() == [True, False, True, True, False, *[True] * 6, False]
    # x after x, a; y new; x after x, a, x, y. y after x, y, z: z is current. x after all of them.
    assert own.place.tolist() == [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3]


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ("xb", 3),  # x first: there is no earlier known item
        ("xx", 1),
        ("bxx", 3),  # behind b, which is the second of all
        ("bxb", 2),  # b keeps its place
        ("bxa", 1),
        ("bxd", 5),
        ("xbx", 1),  # b is current: not behind it
        ("cbxyx", 3),  # behind b, the better one of c and b; y is current
        ("cbxyy", 4),
        ("cbxyz", UNRANKED),
    ],
)
def test_they_rank_behind_the_best_earlier_known_item(session: str, expected: int) -> None:
    ranks = step_ranks(Popularity(), TRAIN, [session])
    assert ranks.rank[-1] == expected


def test_where_the_baseline_recommends_no_earlier_item_they_come_first() -> None:
    """Rules recommend what the session has seen, but not after an item without a prefix."""
    without = SequentialRules(seen_bonus=0.0)
    ranks = step_ranks(without, ["ab", "cd"], ["cxax", "caxb"])
    assert ranks.rank.tolist() == [UNRANKED, UNRANKED, 1, UNRANKED, UNRANKED, 2]
    assert ranks.known_rank is not None
    assert ranks.known_rank.tolist()[-1] == 1


@pytest.mark.parametrize("name", BASELINES)
def test_the_known_view_is_that_of_sessions_without_unknown_items(name: str) -> None:
    train, test = random_sessions(3), random_sessions(4, items=14)
    known = {item for session in train for item in session}
    kept = [[item for item in session if item in known] for session in test]
    times = range(len(train))

    with_own = step_ranks(make_baseline(name), train, test, times)
    plain = step_ranks(make_baseline(name), train, kept, times)

    assert with_own.known_rank is not None
    np.testing.assert_array_equal(with_own.known_rank[with_own.known], plain.rank[plain.known])
    np.testing.assert_array_equal(with_own.histograms()[1], plain.histograms()[1])
    assert (with_own.histograms()[0] != plain.histograms()[0]).any()


@pytest.mark.parametrize("name", BASELINES)
def test_the_best_rank_of_several_items_is_the_least_of_their_ranks(name: str) -> None:
    train, test = random_sessions(3), random_sessions(4, count=25)
    splits = IndexedSplits.of(train, test, range(len(train)))
    fitted = make_baseline(name)
    fitted.fit(splits.train, splits.items)
    random, steps = np.random.default_rng(1), splits.steps
    step = np.sort(random.integers(0, len(steps), 2 * len(steps)))
    item = random.integers(0, splits.items, len(step))
    expected = np.full(len(steps), UNRANKED)
    for row, place in zip(step.tolist(), item.tolist(), strict=True):
        one = Steps(steps.items, steps.first[[row]], steps.end[[row]], np.array([place]))
        expected[row] = min(expected[row], fitted.ranks(one)[0])

    found = best_ranks(fitted, steps, step, item)

    assert found.tolist() == expected.tolist()
    assert (expected == UNRANKED).any() and (expected < UNRANKED).any()
    assert best_ranks(fitted, steps, step[:0], item[:0]).tolist() == [UNRANKED] * len(steps)


def test_they_can_be_switched_off() -> None:
    splits = IndexedSplits.of(TRAIN, ["bxxd"], own_items=False)
    baseline = Popularity()
    baseline.fit(splits.train, splits.items)
    ranks = splits.ranks(baseline)
    assert ranks.rank.tolist() == [UNRANKED, UNRANKED, 4]
    assert ranks.known_rank is None


def test_only_the_latest_known_items_are_looked_at() -> None:
    """One that is long past costs no time."""
    session = ["a", *["d"] * 25, "x", "x"]
    assert step_ranks(Popularity(), TRAIN, [session]).rank[-1] == 5
