from __future__ import annotations

import pytest

from modules.config.options.data import TailOptions


@pytest.mark.parametrize(
    ("tail", "start"),
    [
        (TailOptions(test_days=0), "test_days must be above 0 and at most 40000, got 0"),
        (TailOptions(test_days=True), "test_days must be above 0"),
        (TailOptions(test_fraction=1), "test_fraction must be above 0 and below 1, got 1"),
        (TailOptions(1, 0.5), "test_days (1) and test_fraction (0.5) are both set: remove one"),
    ],
)
def test_a_cut_that_cannot_be_made_is_named(tail, start):
    assert [problem[: len(start)] for problem in tail.problems()] == [start]
    assert bool(tail)


def test_no_cut_is_fine():
    assert TailOptions().problems() == []
    assert not TailOptions()
