"""Baselines: hand-computed cases, an independent plain-Python twin, and the published figures."""

from __future__ import annotations

import doctest
import os
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from modules import baselines, metrics, steps
from modules.baseline_options import BaselineOptions
from modules.baselines import (
    BASELINES,
    Popularity,
    SequentialRules,
    evaluate_baseline,
    make_baseline,
    rank_among_scored,
    step_ranks,
)

# Real session files, where there are any: never part of the repository.
DATA = Path(os.environ.get("SESSION_DATA", Path(__file__).parents[4] / "shared" / "data"))


def _random_sessions(seed: int, count: int = 120, items: int = 9) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [
        [str(item) for item in random.integers(0, items, random.integers(1, 14))]
        for _ in range(count)
    ]


def test_docstrings_tell_the_truth() -> None:
    assert doctest.testmod(baselines).failed == 0


def test_popularity_by_hand() -> None:
    """Events: a 3, b 2, c 2, d 1. Ties count against us: b and c both rank third."""
    train = [["a", "b", "a"], ["c", "b"], ["c", "a", "d"]]

    ranks = step_ranks(Popularity(), train, [["d", "a"], ["a", "b"], ["a", "c", "d", "x"]])

    assert ranks.rank.tolist() == [1, 3, 3, 4, 5]
    assert ranks.known.tolist() == [True, True, True, True, False]
    assert ranks.offsets.tolist() == [0, 1, 2, 5]


def test_popularity_needs_no_prefix() -> None:
    ranks = step_ranks(Popularity(), [["a", "a", "b"]], [["x", "a"]])

    assert ranks.rank.tolist() == [1]
    assert ranks.known.tolist() == [False]


def test_rules_by_hand() -> None:
    """After a: b 1 + 1/2, c 1/2 + 1, d 1/3. After b: c 1, d 1/2. After c: d 1, b 1."""
    train = [["a", "b", "c", "d"], ["a", "c", "b"]]
    baseline = SequentialRules(seen_bonus=0, repeats=False)

    ranks = step_ranks(
        baseline, train, [["a", "b"], ["a", "d"], ["b", "c"], ["c", "a"], ["d", "a"]]
    )

    # b and c tie after a; what has no score ranks last, after all 4 items.
    assert ranks.rank.tolist() == [2, 3, 1, 4, 4]


def test_rules_reach_no_further_than_the_window() -> None:
    train = [["a", "b", "c", "d"]]

    near = step_ranks(SequentialRules(window=2, seen_bonus=0), train, [["a", "c"], ["a", "d"]])

    assert near.rank.tolist() == [2, 4]


def test_seen_items_come_back_by_age() -> None:
    """After a, b, c no rule speaks; b was opened 1 event before c, and a 2 events before."""
    train = [["a"], ["b"], ["c"], ["d"]]

    ranks = step_ranks(
        SequentialRules(repeats=False), train, [["a", "b", "c", "b"], ["a", "b", "c", "a"]]
    )

    assert ranks.rank.tolist() == [4, 4, 1, 4, 4, 2]


def test_age_of_a_seen_item_is_that_of_its_last_visit() -> None:
    train = [["a"], ["b"], ["c"], ["d"]]

    ranks = step_ranks(SequentialRules(repeats=False), train, [["a", "b", "a", "c", "a"]])

    assert ranks.rank[-1] == 1


def test_strong_rule_comes_before_a_seen_item() -> None:
    train = [["b", "c"], ["a"]]

    ranks = step_ranks(SequentialRules(repeats=False), train, [["a", "b", "c"], ["a", "b", "a"]])

    assert ranks.rank.tolist() == [3, 1, 3, 2]


def test_current_item_is_recommended_only_with_repeats() -> None:
    train = [["a", "a"], ["b"]]

    without = step_ranks(SequentialRules(repeats=False), train, [["a", "a"]])
    with_repeats = step_ranks(SequentialRules(), train, [["a", "a"]])

    assert without.rank.tolist() == [2]
    assert with_repeats.rank.tolist() == [1]


def test_unknown_items_in_a_prefix_are_ignored() -> None:
    train = [["a", "b"], ["c"]]

    ranks = step_ranks(SequentialRules(), train, [["a", "x", "b"], ["x", "b"]])

    assert ranks.rank.tolist() == [4, 1, 3]
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
            ranks.append(metrics.conservative_rank(row, [items.index(session[end])])[0])
    return ranks


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize(("window", "bonus"), [(10, 0.1), (3, 0.5)])
def test_rules_equal_their_plain_python_twin(
    window: int, bonus: float, repeats: bool, monkeypatch
) -> None:
    monkeypatch.setattr(steps, "_STEPS_PER_BLOCK", 50)
    train, test = _random_sessions(1), _random_sessions(2)
    baseline = SequentialRules(window=window, seen_bonus=bonus, seen_decay=0.9, repeats=repeats)

    ranks = step_ranks(baseline, train, test)

    assert ranks.rank.tolist() == _plain_rules(train, test, window, bonus, 0.9, repeats)


@pytest.mark.parametrize("name", BASELINES)
def test_order_of_training_sessions_changes_nothing(name: str) -> None:
    """Another order numbers the items anew and sums in another order: ties must stay."""
    train, test = _random_sessions(3), _random_sessions(4, items=12)

    forwards = step_ranks(make_baseline(name), train, test)
    backwards = step_ranks(make_baseline(name), train[::-1], test)

    np.testing.assert_array_equal(forwards.rank, backwards.rank)


def test_sparse_ranks_equal_the_dense_ones() -> None:
    random = np.random.default_rng(5)
    dense = random.integers(1, 6, (200, 15)).astype(float)  # many ties
    dense[random.random(dense.shape) < 0.6] = -np.inf
    dense[random.random(dense.shape) < 0.03] = np.nan
    target = random.integers(0, 15, 200)
    stored = ~np.isneginf(dense)
    scores = sparse.csr_matrix((dense[stored], np.nonzero(stored)), shape=dense.shape)

    expected = metrics.conservative_rank(dense, target)

    np.testing.assert_array_equal(rank_among_scored(scores, target), expected)


def test_metrics_follow_both_views() -> None:
    """Known: a to b, found first. Honest: also b to x, a miss, and x to a, without any rule."""
    train = [["a", "b"], *([str(number)] for number in range(99))]

    values = evaluate_baseline(SequentialRules(), train, [["a", "b", "x"], ["x", "a"]])

    assert values["known/all/n"] == values["known/last/n"] == 1
    assert values["known/all/mrr@1"] == 1
    assert values["honest/all/n"] == 3
    assert values["honest/last/n"] == 2
    assert values["honest/all/recall@100"] == pytest.approx(1 / 3)
    assert values["honest/last/recall@100"] == 0


def test_settings_and_sessions_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="window must be between 1 and 20, got 0"):
        SequentialRules(window=0)
    with pytest.raises(ValueError, match="train_sessions hold no event"):
        step_ranks(Popularity(), [[], []], [["a", "b"]])


@pytest.mark.parametrize("name", BASELINES)
def test_no_test_session_gives_nan(name: str) -> None:
    values = evaluate_baseline(make_baseline(name), [["a", "b"]], [])

    assert values["honest/all/n"] == 0
    assert np.isnan(values["known/all/recall@20"])


def _read(path: Path) -> list[list[str]]:
    events = pd.read_csv(path, sep="\t", dtype={"SessionId": str, "ItemId": str})
    events = events.sort_values(["SessionId", "Time"], kind="stable")
    return events.groupby("SessionId", sort=False)["ItemId"].agg(list).tolist()


RETAILROCKET = (
    "retailrocket/retailrocket_processed_view_train_valid.tsv",
    "retailrocket/retailrocket_processed_view_test.tsv",
)
YOOCHOOSE = (
    "yoochoose/yoochoose-clicks-100k_train_full.tsv",
    "yoochoose/yoochoose-clicks-100k_test.tsv",
)


@pytest.mark.parametrize(
    ("files", "steps_known", "name", "repeats", "all_steps", "last_step"),
    [
        (RETAILROCKET, (13_777, 5_506), "popularity", True, (0.036, 0.007), (0.039, 0.008)),
        (RETAILROCKET, (13_777, 5_506), "sequential_rules", False, (0.322, 0.151), (0.357, 0.180)),
        (YOOCHOOSE, (10_152, 3_416), "popularity", True, (0.089, 0.026), (0.095, 0.031)),
        (YOOCHOOSE, (10_152, 3_416), "sequential_rules", False, (0.392, 0.184), (0.363, 0.170)),
        (YOOCHOOSE, (10_152, 3_416), "sequential_rules", True, (0.642, 0.353), (0.628, 0.357)),
    ],
)
def test_known_figures_on_real_sessions(
    files: tuple[str, str],
    steps_known: tuple[int, int],
    name: str,
    repeats: bool,
    all_steps: tuple[float, float],
    last_step: tuple[float, float],
) -> None:
    paths = [DATA / file for file in files]
    if not all(path.exists() for path in paths):
        pytest.skip("the real session files are not at hand; SESSION_DATA names their folder")
    train, test = map(_read, paths)

    begin = time.perf_counter()
    options = BaselineOptions(rules_repeats=repeats)
    values = evaluate_baseline(make_baseline(name, options), train, test)
    seconds = time.perf_counter() - begin

    assert (values["known/all/n"], values["known/last/n"]) == steps_known
    assert values["known/all/recall@20"] == pytest.approx(all_steps[0], abs=0.005)
    assert values["known/all/mrr@20"] == pytest.approx(all_steps[1], abs=0.005)
    assert values["known/last/recall@20"] == pytest.approx(last_step[0], abs=0.005)
    assert values["known/last/mrr@20"] == pytest.approx(last_step[1], abs=0.005)
    assert seconds < 10  # about 0.2 s on two quiet cores
