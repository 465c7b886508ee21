"""Ages of items."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation import item_history as item_history_module
from modules.evaluation.item_history import item_history
from tests.rank_tables import ids

DAY = 86_400_000


def test_ages_are_days_since_the_first_training_event() -> None:
    batches = [(ids("a", "b"), np.array([10 * DAY, 3 * DAY])), (ids("a"), np.array([DAY]))]
    history = item_history(batches)
    positions = history.lookup(ids("a", "a", "b", "z", "b"))
    assert positions.tolist() == [0, 0, 1, -1, 1]
    times = np.array([DAY, 3 * DAY - 1, 10 * DAY, 10 * DAY, 0])
    assert history.age_days(positions, times).tolist() == [0, 1, 7, -1, 0]
    assert history.counts_of(positions).tolist() == [2, 2, 1, 0, 1]


@pytest.mark.parametrize("events", [1, 30, 10**6])
def test_events_are_counted_whatever_number_is_added_at_a_time(
    events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_history_module, "_EVENTS_PER_PART", events)
    random = np.random.default_rng(0)
    names, times = random.integers(0, 20, (2, 100)), random.integers(0, 999, (2, 100))
    names[1] += 5
    batches = [(ids(*map(str, row)), time) for row, time in zip(names, times, strict=True)]

    history = item_history([*batches[:1], (ids(), np.zeros(0, np.int64)), *batches[1:]])

    for name in map(str, range(26)):
        is_item = names.astype(str) == name
        position = history.lookup(ids(name))
        assert history.counts_of(position).tolist() == [is_item.sum()]
        if is_item.any():
            assert history.first_seen[position[0]] == times[is_item].min()
    assert len(history) == len(np.unique(names)) and history.last_event == times.max()
