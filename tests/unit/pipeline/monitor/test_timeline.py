"""Requests over time."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.monitor.timeline import MOST_HOURS, timeline
from tests.request_logs import HOUR, read, request


def test_requests_are_counted_by_hour_with_the_share_on_unknown_items(tmp_path):
    rows = [
        *(request("s", 0, items=("a",)), request("s", 1, items=("a", "b"))),
        *(request("t", 2 * HOUR, items=("b",)), request("t", 2 * HOUR + 1, items=())),
    ]
    requests = read(tmp_path, rows)
    known = requests.item_ids.known([b"a"])
    found = timeline(requests, np.ones(4, bool), known)
    assert found["step_hours"] == 1
    assert found["starts"][1] - found["starts"][0] == 2 * 3_600_000
    assert found["starts"][0] % 3_600_000 == 0
    assert (found["requests"], found["unknown"]) == ([2, 2], [0.5, 0.5])
    assert timeline(requests, np.ones(4, bool), None)["unknown"] == [None, None]


@pytest.mark.parametrize(("hours", "step"), [(MOST_HOURS, 1), (MOST_HOURS + 1, 24)])
def test_long_logs_are_counted_by_day(tmp_path, hours, step):
    requests = read(tmp_path, [request("s", 0), request("s", hours * HOUR)])
    found = timeline(requests, np.array([True, False]), None)
    assert (found["step_hours"], found["requests"]) == (step, [1])
