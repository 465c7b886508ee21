"""Batching parameters from times by batch size."""

from __future__ import annotations

import pytest

from benchmarks.batching import Parameters, parameters


@pytest.mark.parametrize(
    ("milliseconds", "budget", "expected"),
    [
        # From 4 rows on nothing is gained.
        ({1: 1.0, 2: 1.2, 4: 1.6, 8: 3.2}, 100, Parameters(4, 1000, 122, 2)),
        # The largest batch would be the fastest, but takes too long.
        ({1: 1.0, 2: 1.2, 4: 1.6, 8: 2.0}, 5, Parameters(4, 1000, 4, 2)),
        # Nothing is fast enough: no batches, and two may wait.
        ({1: 9.04, 2: 12.0}, 5, Parameters(1, 9000, 2, 2)),
        # Batches gain nothing at all.
        ({1: 0.55, 2: 1.1, 4: 2.2}, 100, Parameters(1, 500, 360, 2)),
    ],
)
def test_parameters(milliseconds: dict[int, float], budget: float, expected: Parameters) -> None:
    assert parameters(milliseconds, 2, budget) == expected
