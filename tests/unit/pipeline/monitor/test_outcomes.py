"""What followed each answer, compared with a plain search."""

from __future__ import annotations

import random

import numpy as np
import pytest

from modules.config.options.sessions import SessionOptions
from modules.evaluation.ranks import UNRANKED
from pipeline.monitor.clicks import read_clicks
from pipeline.monitor.outcomes import find_outcomes
from tests.request_logs import read, request, sessions_of, write_clicks

WINDOW = 60_000


def _outcomes(tmp_path, rows, clicks, window=WINDOW):
    requests = read(tmp_path / "log", rows)
    file = write_clicks(tmp_path / "clicks.tsv", clicks)
    found = read_clicks(str(file), SessionOptions(), requests)
    return find_outcomes(requests, found, window)


def test_the_target_is_the_first_click_after_the_request(tmp_path):
    rows = [request("s", 0, answers=("x", "b")), request("s", 10, answers=("x", "b", "c"))]
    clicks = [("s", "x", 0.0), ("s", "b", 5.0), ("s", "a", 10.0), ("s", "c", 10.001)]
    found = _outcomes(tmp_path, rows, clicks)
    # A click at the time of a request is not after it.
    assert found.rank.tolist() == [2, 3]
    assert found.has_target.all()


def test_a_request_without_a_later_click_of_its_session_has_no_target(tmp_path):
    rows = [request("s", 0), request("t", 0), request("", 0)]
    found = _outcomes(tmp_path, rows, [("s", "i0", -1.0), ("other", "i0", 1.0), ("t", "q", 1.0)])
    assert found.has_target.tolist() == [False, True, False]
    assert found.rank.tolist() == [UNRANKED] * 3
    assert not found.clicked.any()


def test_any_click_in_time_on_a_recommendation_counts_for_click_through(tmp_path):
    rows = [request(name, 0) for name in "stuv"]
    clicks = [
        *[("s", "q", 1.0), ("s", "i3", 60.0)],
        *[("t", "q", 1.0), ("t", "i3", 60.001)],
        *[("u", "q", 1.0), ("v", "i19", 0.5)],
    ]
    found = _outcomes(tmp_path, rows, clicks)
    assert found.clicked.tolist() == [True, False, False, True]
    assert found.open == 0  # the newest click is after the minute of all


def test_requests_whose_window_is_over_are_not_open(tmp_path):
    rows = [request("s", 0), request("s", 100)]
    assert _outcomes(tmp_path, rows, [("other", "q", 99.0)]).open == 1


@pytest.mark.parametrize("late", [-2.0, 3.0])
def test_the_clocks_are_compared_by_the_clicks_that_requests_were_made_for(tmp_path, late):
    rows = [request("s", at, items=(f"p{at}",)) for at in (0, 100, 200)]
    clicks = [("s", f"p{at}", at + late) for at in (0, 100, 200)]
    assert _outcomes(tmp_path, rows, clicks).clock_ms == 1000 * late


def test_without_any_click_nothing_followed(tmp_path):
    found = _outcomes(tmp_path, [request()], [("other", "q", 1e9)])
    assert not found.has_target.any() and found.clock_ms is None


def test_many_sessions_have_the_outcomes_of_a_plain_search(tmp_path):
    rng = random.Random(3)
    items = [f"i{number}" for number in range(12)]
    rows = [
        request(
            f"s{rng.randrange(8)}",
            float(rng.randrange(300)),
            answers=tuple(rng.sample(items, rng.randrange(5))),
            milliseconds=float(number),
        )
        for number in range(120)
    ]
    clicks = [
        (f"s{rng.randrange(10)}", rng.choice(items), float(rng.randrange(300))) for _ in range(150)
    ]
    found = _outcomes(tmp_path, rows, clicks)
    by_session = sessions_of(clicks)
    rows.sort(key=lambda row: row.time)
    for place, row in enumerate(rows):
        at = row.time - request().time
        # Clicks of one moment come in the order of the file, as do these.
        later = [click for click in by_session.get(row.session_id, []) if click[1] > at]
        assert found.has_target[place] == bool(later)
        target = later[0][0] if later else None
        rank = row.answers.index(target) + 1 if target in row.answers else UNRANKED
        assert found.rank[place] == rank
        in_time = {item for item, time in later if time <= at + WINDOW / 1000}
        assert found.clicked[place] == bool(in_time & set(row.answers))
    assert np.count_nonzero(found.clicked) > 10
