"""The score that choices are made by."""

from __future__ import annotations

import doctest

import pytest

from modules import selection
from modules.selection import selection_score


def test_the_documented_example_holds() -> None:
    assert doctest.testmod(selection).failed == 0


def test_equal_relative_gains_count_alike() -> None:
    assert selection_score(0.44, 0.2) == pytest.approx(selection_score(0.4, 0.22))
