"""Targets that only one of two models can recommend."""

from __future__ import annotations

import dataclasses

import numpy as np

from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.evaluation.ranks import UNRANKED
from modules.gate.reach import comparable_steps, reach
from tests.rank_tables import make_table

ROWS = {
    CANDIDATE: [[1, UNRANKED, 3], [UNRANKED, 5]],
    LAST_BLESSED: [[9, 8, UNRANKED], [UNRANKED, 5]],
}


def test_reach_counts_the_steps_of_each_model() -> None:
    assert reach(make_table(**ROWS)) == {"both": 2, "gained": 1, "lost": 1, "neither": 1}


def test_steps_are_comparable_where_both_models_can_answer() -> None:
    table = make_table(**ROWS)
    assert np.flatnonzero(comparable_steps(table)).tolist() == [0, 4]
    # The last blessed model knows no item before the last target.
    unknown = dataclasses.replace(table, last_blessed_known=np.array([1, 1, 0, 0, 0], bool))
    assert np.flatnonzero(comparable_steps(unknown)).tolist() == [0]
