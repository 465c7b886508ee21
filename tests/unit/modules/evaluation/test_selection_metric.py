"""The score that choices are made by."""

from __future__ import annotations

import doctest
import math

import pytest

from modules.evaluation import selection_metric
from modules.evaluation.selection_metric import selection_score


def test_the_documented_example_holds() -> None:
    assert doctest.testmod(selection_metric).failed == 0


def test_equal_relative_gains_count_alike() -> None:
    assert selection_score(0.44, 0.2) == pytest.approx(selection_score(0.4, 0.22))


def test_what_was_not_measured_is_never_the_best() -> None:
    assert selection_score([0.1, math.nan], [0.1, 0.2]).argmax() == 0
