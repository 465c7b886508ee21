"""Whether a model learned the sessions that are evaluated."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from modules.files.learned_data import LearnedData
from modules.gate import learned_overlap
from modules.gate.learned_overlap import learned_evaluation

DAY = 86_400_000


def _learned(first: float, last: float) -> LearnedData:
    """Returns the record of a model that learned some days."""
    return LearnedData(
        ("train",), 10, 30, 5, int(first * DAY), int(last * DAY), int(last * DAY), "digest"
    )


def _starts(day: float, sessions: int = 200) -> np.ndarray:
    return (day * DAY + np.arange(sessions) * DAY // sessions).astype(np.int64)


def test_docstrings() -> None:
    assert doctest.testmod(learned_overlap).failed == 0


@pytest.mark.parametrize(
    ("candidate", "other"),
    [
        (_learned(0, 6.99), _learned(-1, 5.99)),  # the day before
        (_learned(0, 6.99), _learned(-9, 1.99)),  # after a pause
        (_learned(0, 8), _learned(0, 8)),  # a random split: both overlap
        (_learned(0, 6.99), _learned(0, 7.005)),  # one session that began before midnight
        (None, _learned(0, 9)),
        (_learned(0, 6.99), None),
    ],
)
def test_models_that_know_no_more_of_the_day_are_compared(candidate, other) -> None:
    assert learned_evaluation(_starts(7), candidate, other) is None


def test_a_model_that_learned_the_day_is_no_baseline() -> None:
    reason = learned_evaluation(_starts(7), _learned(0, 6.99), _learned(3, 9.99))
    assert reason == (
        "learned sessions from 1970-01-04 00:00 to 1970-01-10 23:45 (UTC), in which 200 of the 200 "
        "evaluated sessions start, which are from 1970-01-08 00:00 to 1970-01-08 23:52; the "
        "candidate learned those from 1970-01-01 00:00 to 1970-01-07 23:45"
    )
    assert learned_evaluation(_starts(7), _learned(0, 6.99), _learned(0, 7.1)) is not None
    assert learned_evaluation(_starts(7, 0), _learned(0, 6.99), _learned(0, 7.1)) is None
