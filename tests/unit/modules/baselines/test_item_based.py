"""Baselines of items and pairs: hand-computed catalogues, and independent plain-Python twins."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from modules.baselines.item_based import (
    ItemCooccurrence,
    Popularity,
    SequentialRules,
    SessionPopularity,
)
from modules.evaluation import prediction_steps
from modules.evaluation.ranks import UNRANKED, conservative_rank
from tests.baseline_ranks import random_sessions, step_ranks


def test_popularity_by_hand() -> None:
    """Events: a 3, b 2, c 2, d 1. Ties count against us: b and c both rank third."""
    train = [["a", "b", "a"], ["c", "b"], ["c", "a", "d"]]

    ranks = step_ranks(Popularity(), train, [["d", "a"], ["a", "b"], ["a", "c", "d", "x"]])

    assert ranks.rank.tolist() == [1, 3, 3, 4, UNRANKED]
    assert ranks.known.tolist() == [True, True, True, True, False]
    assert ranks.offsets.tolist() == [0, 1, 2, 5]


def test_popularity_needs_no_prefix() -> None:
    ranks = step_ranks(Popularity(), [["a", "a", "b"]], [["x", "a"]])

    assert ranks.known_rank.tolist() == [1]
    assert ranks.rank.tolist() == [2]  # behind x
    assert ranks.known.tolist() == [False]


def test_rules_by_hand() -> None:
    """After a: b 1 + 1/2, c 1/2 + 1, d 1/3. After b: c 1, d 1/2. After c: d 1, b 1."""
    train = [["a", "b", "c", "d"], ["a", "c", "b"]]
    baseline = SequentialRules(seen_bonus=0, repeats=False)

    ranks = step_ranks(
        baseline, train, [["a", "b"], ["a", "d"], ["b", "c"], ["c", "a"], ["d", "a"]]
    )

    # b and c tie after a; what has no score is not recommended.
    assert ranks.rank.tolist() == [2, 3, 1, UNRANKED, UNRANKED]


def test_rules_reach_no_further_than_the_window() -> None:
    train = [["a", "b", "c", "d"]]

    near = step_ranks(SequentialRules(window=2, seen_bonus=0), train, [["a", "c"], ["a", "d"]])

    assert near.rank.tolist() == [2, UNRANKED]


def test_seen_items_come_back_by_age() -> None:
    """After a, b, c no rule speaks; b was opened 1 event before c, and a 2 events before."""
    train = [["a"], ["b"], ["c"], ["d"]]

    ranks = step_ranks(
        SequentialRules(repeats=False), train, [["a", "b", "c", "b"], ["a", "b", "c", "a"]]
    )

    assert ranks.rank.tolist() == [UNRANKED, UNRANKED, 1, UNRANKED, UNRANKED, 2]


def test_age_of_a_seen_item_is_that_of_its_last_visit() -> None:
    train = [["a"], ["b"], ["c"], ["d"]]

    ranks = step_ranks(SequentialRules(repeats=False), train, [["a", "b", "a", "c", "a"]])

    assert ranks.rank[-1] == 1


def test_strong_rule_comes_before_a_seen_item() -> None:
    train = [["b", "c"], ["a"]]

    ranks = step_ranks(SequentialRules(repeats=False), train, [["a", "b", "c"], ["a", "b", "a"]])

    assert ranks.rank.tolist() == [UNRANKED, 1, UNRANKED, 2]


def test_current_item_is_recommended_only_with_repeats() -> None:
    train = [["a", "a"], ["b"]]

    without = step_ranks(SequentialRules(repeats=False), train, [["a", "a"]])
    with_repeats = step_ranks(SequentialRules(), train, [["a", "a"]])

    assert without.rank.tolist() == [UNRANKED]
    assert with_repeats.rank.tolist() == [1]


def test_unknown_items_in_a_prefix_are_ignored() -> None:
    train = [["a", "b"], ["c"]]

    ranks = step_ranks(SequentialRules(), train, [["a", "x", "b"], ["x", "b"]])

    assert ranks.rank.tolist() == [UNRANKED, 1, UNRANKED]
    assert ranks.known.tolist() == [False, True, False]


def _plain_rules(train, test, window, bonus, decay, repeats):
    """Ranks of known steps, in plain Python over dense score vectors."""
    rules = defaultdict(Counter)
    for session in train:
        for end, second in enumerate(session):
            for gap in range(1, min(window, end) + 1):
                rules[session[end - gap]][second] += 2520 // gap
    items = sorted({item for session in train for item in session})
    ranks = []
    for session in test:
        for end in range(1, len(session)):
            current, prefix = session[end - 1], session[:end]
            scores = {item: rules[current][item] / 2520 or -np.inf for item in items}
            for item in set(prefix):
                age = prefix[::-1].index(item)
                scores[item] = max(scores[item], 0) + bonus * decay**age
            if not repeats:
                scores[current] = -np.inf
            row = np.array([[scores[item] for item in items]])
            ranks.append(conservative_rank(row, [items.index(session[end])])[0])
    return ranks


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize(("window", "bonus"), [(10, 0.1), (3, 0.5)])
def test_rules_equal_their_plain_python_twin(
    window: int, bonus: float, repeats: bool, monkeypatch
) -> None:
    monkeypatch.setattr(prediction_steps, "_STEPS_PER_BLOCK", 50)
    train, test = random_sessions(1), random_sessions(2)
    baseline = SequentialRules(window=window, seen_bonus=bonus, seen_decay=0.9, repeats=repeats)

    ranks = step_ranks(baseline, train, test)

    assert ranks.rank.tolist() == _plain_rules(train, test, window, bonus, 0.9, repeats)


def test_a_window_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="window must be between 1 and 20, got 0"):
        SequentialRules(window=0)


def test_session_popularity_by_hand() -> None:
    """Events: a 3, b 2, c 2, d 1. Visits come first, then events; equal ones count against us."""
    train = [["a", "b", "a"], ["c", "b"], ["c", "a", "d"]]
    test = [["d", "a"], ["d", "d"], ["d", "b", "b"], ["c", "b", "b", "c", "c"], ["b", "d"]]

    ranks = step_ranks(SessionPopularity(), train, test)

    assert ranks.rank.tolist() == [
        2,  # after d: d 1, a, then b and c
        1,  # d itself
        4,  # after d: b and c tie behind d and a
        1,  # after d, b: b has as many visits and more events
        3,  # after c: c, then a, then b
        2,  # after c, b: both have 1 visit and 2 events
        2,  # after c, b, b: b 2 visits, c 1
        2,  # after c, b, b, c: both have 2 visits and 2 events
        4,  # after b: d is last
    ]


def test_session_popularity_without_a_known_item_is_popularity() -> None:
    train, test = [["a", "a", "b"], ["c"]], [["x", "a"], ["x", "b"]]

    assert step_ranks(SessionPopularity(), train, test).known_rank.tolist() == [1, 3]


def test_session_popularity_equals_its_plain_twin() -> None:
    train, test = random_sessions(5, items=12), random_sessions(6, items=12)
    events = Counter(item for session in train for item in session)
    items = sorted(events)
    expected = []
    for session in test:
        for end in range(1, len(session)):
            visits = Counter(session[:end])
            row = [[visits[item] + events[item] / (1 + events[item]) for item in items]]
            expected += conservative_rank(row, [items.index(session[end])]).tolist()

    assert step_ranks(SessionPopularity(), train, test).rank.tolist() == expected


def test_cooccurrence_by_hand() -> None:
    """With a: b in 2 sessions of 2, c in 2 of 4, d in none. A repeat in a session counts once."""
    train = [["a", "b", "c"], ["c", "a", "b", "b"], ["c", "d"], ["c"]]
    test = [["a", "b"], ["a", "c"], ["a", "d"], ["a", "a"], ["d", "b"], ["d", "a", "c"]]

    counted = step_ranks(ItemCooccurrence(damping=0, regularization=0), train, test)
    cosine = step_ranks(ItemCooccurrence(damping=0.5, regularization=0), train, test)

    # Only the current item speaks: after d, then a, the first step misses and the second is a's.
    assert counted.rank.tolist() == [2, 2, *[UNRANKED] * 4, 2]
    assert cosine.rank.tolist() == [1, 2, *[UNRANKED] * 4, 2]


def test_regularization_holds_back_what_is_rare() -> None:
    """With a: b in 1 session of 1, c in 2 of 5; cosine prefers b, support c."""
    train = [["a", "b"], ["a", "c"], ["a", "c"], ["c"], ["c"], ["c"]]

    plain = step_ranks(ItemCooccurrence(regularization=0), train, [["a", "b"]])
    held_back = step_ranks(ItemCooccurrence(regularization=20), train, [["a", "b"]])

    assert (plain.rank.tolist(), held_back.rank.tolist()) == ([1], [2])


def test_cooccurrence_equals_its_plain_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_steps, "_STEPS_PER_BLOCK", 50)
    train, test = random_sessions(7, items=30), random_sessions(8, items=30)
    sets = [set(session) for session in train]
    items = sorted(set().union(*sets))
    having = Counter(item for session in sets for item in session)
    expected = []
    for session in test:
        for end in range(1, len(session)):
            current = session[end - 1]
            together = Counter(item for found in sets if current in found for item in found)
            row = np.array(
                [[together[item] / (having[item] + 20) ** 0.5 or -np.inf for item in items]]
            )
            row[0, items.index(current)] = -np.inf
            expected += conservative_rank(row, [items.index(session[end])]).tolist()

    assert step_ranks(ItemCooccurrence(), train, test).rank.tolist() == expected
