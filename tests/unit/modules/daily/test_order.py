"""What a run is compared with."""

import pytest

from modules.daily.order import NO_SPAN, nearest_first

# Number of the run and evaluated span: day 13 was run again after day 14.
RUNS = [(1, NO_SPAN), (2, 11), (3, 14), (4, 13), (5, 13)]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (None, [5, 4, 3, 2, 1]),
        (15, [3, 5, 4, 2, 1]),
        (14, [5, 4, 2, 1]),
        (13, [2, 1]),
        (11, [1]),
    ],
)
def test_the_latest_earlier_day_comes_first_and_no_later_one_at_all(span, expected):
    found = nearest_first(RUNS, span, lambda run: run[1], lambda run: run[0])
    assert [number for number, _ in found] == expected
