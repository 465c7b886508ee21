from __future__ import annotations

import doctest

import numpy as np
import pytest

from modules.baselines import inverted_index
from modules.baselines.inverted_index import SessionIndex
from modules.evaluation import prediction_steps
from modules.evaluation.prediction_steps import all_steps, index_sessions, last_visits

CATALOGUE = {"a": 0, "b": 1, "c": 2, "d": 3}


def _build(train: list[str], times: list[int], recent: int = 10) -> SessionIndex:
    return SessionIndex.build(index_sessions(train, CATALOGUE, times), len(CATALOGUE), recent)


def _matches(index: SessionIndex, prefix: str) -> list[tuple[float, ...]]:
    steps, _ = all_steps(index_sessions([[*prefix, "a"]], CATALOGUE))
    last = steps.take([len(steps) - 1])
    visits = last_visits(last, len(CATALOGUE))
    found = index.matches(last, visits, 10.0**visits.age)
    return list(zip(*(values.tolist() for values in found), strict=True))


def test_docstrings_tell_the_truth() -> None:
    assert doctest.testmod(inverted_index).failed == 0


def test_sessions_are_numbered_from_the_newest_with_last_positions() -> None:
    index = _build(["aba", "dc", "b"], [5, 9, 7])

    assert index.positions.toarray().tolist() == [[0, 0, 2, 1], [0, 1, 0, 0], [3, 2, 0, 0]]
    assert index.start_time.tolist() == [9, 7, 5]


def test_a_match_sums_weights_and_keeps_youngest_age_and_last_position() -> None:
    """Prefix b, c, a: ages 2, 1, 0, weights 100, 10, 1."""
    index = _build(["bda", "cb", "d"], [1, 2, 3])

    # (step, session, similarity, age, position); session 0 is d, which shares nothing.
    assert _matches(index, "bca") == [(0, 1, 110, 1, 1), (0, 2, 101, 0, 2)]


def test_an_item_that_came_twice_counts_once_at_its_last_visit() -> None:
    assert _matches(_build(["a"], [0]), "abab") == [(0, 0, 10, 1, 0)]


def test_few_postings_are_kept_and_answers_are_those_of_the_whole_index() -> None:
    random = np.random.default_rng(0)
    train = [[*map("abcd".__getitem__, random.integers(0, 4, 3))] for _ in range(200)]
    whole, cut = (_build(train, list(range(200)), recent) for recent in (200, 7))

    assert max(np.diff(cut.postings.indptr)) == 7
    for prefix in ("a", "abc", "dad"):
        assert _matches(cut, prefix) == _matches(whole, prefix)[:7]


@pytest.mark.parametrize("events", [1, 50, 10**6])
def test_sessions_that_no_query_finds_are_dropped_while_reading(
    events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 400 sessions of 4 items, 2 of each item are enough, and the newest, which has none."""
    monkeypatch.setattr(prediction_steps, "_EVENTS_PER_PART", events)
    random = np.random.default_rng(1)
    train = ["".join(map("abcd".__getitem__, random.integers(0, 4, 2))) for _ in range(400)]
    times = random.permutation(400).tolist()
    whole, cut = (_build([*train, ""], [*times, 999], recent) for recent in (400, 2))

    assert whole.positions.shape[0] == 401
    assert cut.positions.shape[0] == len(cut.start_time) <= 1 + 2 * 4
    assert cut.start_time[0] == 999
    assert max(np.diff(cut.postings.indptr)) == 2
    for prefix in ("a", "bd", "dcba"):
        (found, expected) = (_matches(index, prefix)[:2] for index in (cut, whole))
        assert [match[2:] for match in found] == [match[2:] for match in expected]
        sessions = [[int(match[1]) for match in matches] for matches in (found, expected)]
        starts = [cut.start_time[sessions[0]], whole.start_time[sessions[1]]]
        assert starts[0].tolist() == starts[1].tolist()


def test_cost_is_an_upper_bound_of_matches() -> None:
    index = _build(["ab", "ac", "b"], [1, 2, 3])
    steps, _ = all_steps(index_sessions(["aab"], CATALOGUE))

    assert index.cost(steps).tolist() == [2, 4]


def test_no_match_and_no_step() -> None:
    index = _build(["ab"], [1])
    nothing, _ = all_steps(index_sessions([], CATALOGUE))
    visits = last_visits(nothing, len(CATALOGUE))

    assert _matches(index, "d") == []
    assert len(index.matches(nothing, visits, np.empty(0)).step) == 0


def test_sessions_without_times_are_refused() -> None:
    with pytest.raises(ValueError, match="sessions have no start_times"):
        SessionIndex.build(index_sessions(["ab"], CATALOGUE), len(CATALOGUE), 5)
