"""Sessions as arrays: which steps there are, what they see, and how they are counted."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from modules.evaluation import metrics, prediction_steps
from modules.evaluation.prediction_steps import (
    StepRanks,
    all_steps,
    index_sessions,
    last_visits,
    prefix_items,
)

POSITIONS = {"a": 0, "b": 1, "c": 2, "d": 3}


def test_docstrings_tell_the_truth() -> None:
    assert doctest.testmod(prediction_steps).failed == 0


def _prefixes(asked: prediction_steps.Steps) -> list[list[int]]:
    return [
        asked.items[first:end].tolist() for first, end in zip(asked.first, asked.end, strict=True)
    ]


def test_unknown_items_leave_prefixes_but_stay_targets() -> None:
    sessions = index_sessions([["a", "x", "b", "y"], ["x", "c"], ["d"], [], ["y", "x"]], POSITIONS)

    asked, offsets = all_steps(sessions)

    assert asked.target.tolist() == [-1, 1, -1, 2, -1]
    assert _prefixes(asked) == [[0], [0], [0, 1], [], []]
    assert offsets.tolist() == [0, 3, 4, 4, 4, 5]


def test_no_session_has_no_step() -> None:
    asked, offsets = all_steps(index_sessions([], POSITIONS))

    assert len(asked) == 0
    assert offsets.tolist() == [0]
    assert list(asked.blocks(np.empty(0, np.int64))) == []


def test_prefix_items_are_listed_newest_first() -> None:
    asked, _ = all_steps(index_sessions([["a", "b", "a", "d"], ["x", "c"]], POSITIONS))

    step, item, age = prefix_items(asked)

    assert step.tolist() == [0, 1, 1, 2, 2, 2]
    assert item.tolist() == [0, 1, 0, 0, 1, 0]
    assert age.tolist() == [0, 0, 1, 0, 1, 2]


def test_visits_are_the_distinct_items_newest_first() -> None:
    asked, _ = all_steps(index_sessions([["c", "b", "c", "a", "d"], ["x", "c"]], POSITIONS))

    step, item, age, times = last_visits(asked.take(slice(2, None)), len(POSITIONS))

    assert step.tolist() == [0, 0, 1, 1, 1]
    assert item.tolist() == [2, 1, 0, 2, 1]
    assert age.tolist() == [0, 1, 0, 1, 2]
    assert times.tolist() == [2, 1, 1, 2, 1]


def test_a_step_that_costs_more_than_a_block_is_a_block() -> None:
    asked, _ = all_steps(index_sessions([["a", "b", "c"]], POSITIONS))

    assert [len(block) for block in asked.blocks(np.array([10**9, 1]))] == [1, 1]


def test_blocks_are_bounded_and_lose_nothing(monkeypatch) -> None:
    monkeypatch.setattr(prediction_steps, "_STEPS_PER_BLOCK", 4)
    monkeypatch.setattr(prediction_steps, "_COST_PER_BLOCK", 6)
    asked, _ = all_steps(index_sessions([["a", "b", "c"] * 3, *[["a", "b"]] * 7], POSITIONS))

    blocks = list(asked.blocks(asked.end - asked.first))

    assert np.concatenate([block.end for block in blocks]).tolist() == asked.end.tolist()
    assert max(map(len, blocks)) == 4
    for block in blocks:
        assert len(block) == 1 or (block.end - block.first).sum() <= 6


@pytest.mark.parametrize("steps", [1, 100, 10**6])
def test_histograms_of_ragged_sessions_equal_the_padded_ones(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_steps, "_STEPS_PER_PART", steps)
    random = np.random.default_rng(7)
    lengths = random.integers(0, 40, 60)
    rank = np.zeros((60, 40), dtype=np.int64)
    known = np.zeros((60, 40), dtype=bool)
    for row, length in enumerate(lengths):
        rank[row, :length] = random.integers(1, 150, length)
        known[row, :length] = random.random(length) < 0.5
    exists = rank > 0
    offsets = np.concatenate([[0], np.cumsum(lengths)])

    ragged = StepRanks(rank[exists], known[exists], offsets).histograms()

    np.testing.assert_array_equal(ragged, metrics.rank_histograms(rank, known))


def test_histograms_of_nothing_are_zero() -> None:
    nothing = np.zeros(0, dtype=np.int64)

    ranks = StepRanks(nothing, nothing.astype(bool), np.zeros(3, dtype=np.int64))

    assert ranks.histograms().shape == (2, 2, 101)
    assert ranks.histograms().sum() == 0


@pytest.mark.parametrize("events", [1, 4, 100])
def test_parts_hold_all_sessions_in_an_order(events: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions a b, none, c, and a a a a."""
    monkeypatch.setattr(prediction_steps, "_EVENTS_PER_PART", events)
    sessions = index_sessions([["a", "b"], [], ["c"], ["a"] * 4], POSITIONS, [5, 6, 7, 8])
    order = np.array([3, 0, 1, 2])

    parts = list(sessions.parts(order))

    assert np.concatenate([part.items for part in parts]).tolist() == [0] * 4 + [0, 1, 2]
    assert np.concatenate([np.diff(part.offsets) for part in parts]).tolist() == [4, 2, 0, 1]
    assert np.concatenate([part.start_times for part in parts]).tolist() == [8, 5, 6, 7]
    assert all(part.offsets[0] == 0 and part.offsets[-1] == len(part.items) for part in parts)
    assert all(len(part.items) <= events or len(part.offsets) == 2 for part in parts)
    whole = sessions.ordered(order)
    assert whole.items.tolist() == [0] * 4 + [0, 1, 2] and whole.offsets.tolist() == [0, 4, 6, 6, 7]
    assert whole.start_times.tolist() == [8, 5, 6, 7]
    assert sessions.event_counts(5).tolist() == [5, 1, 1, 0, 0]
