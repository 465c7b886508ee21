"""Rarefaction, against drawing by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from modules.evaluation.rarefaction import expected_distinct


def test_it_is_the_mean_over_all_ways_to_draw() -> None:
    shown = [{0, 1}, {0}, {0, 2, 3}, {1}, {4}]
    counts = np.array([sum(item in row for row in shown) for item in range(6)])
    for drawn in range(1, len(shown) + 1):
        ways = list(itertools.combinations(shown, drawn))
        mean = sum(len(set.union(*way)) for way in ways) / len(ways)
        assert expected_distinct(counts, drawn, len(shown)) == pytest.approx(mean)


def test_it_does_not_depend_on_the_number_of_prefixes() -> None:
    """A small day covers less; at the same number of prefixes both cover the same."""
    random = np.random.default_rng(0)
    popularity = 1 / np.arange(1, 2_001) ** 0.8
    popularity /= popularity.sum()
    days = [
        np.bincount(random.choice(2_000, size, p=popularity), minlength=2_000)
        for size in (10_000, 1_500)
    ]
    large, small = ((counts > 0).mean() for counts in days)
    assert large > 1.5 * small
    at_1000 = [expected_distinct(counts, 1_000, counts.sum()) / 2_000 for counts in days]
    assert at_1000[0] == pytest.approx(at_1000[1], rel=0.05)


def test_large_numbers_stay_exact() -> None:
    counts = np.array([1, 10_000_000])
    found = expected_distinct(counts, 1_000, 10_000_000)
    assert found == pytest.approx(1 + 1_000 / 10_000_000, abs=1e-9)
