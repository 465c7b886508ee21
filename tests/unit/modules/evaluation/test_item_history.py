"""Ages of items."""

from __future__ import annotations

import numpy as np

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
