"""Where runs are on the axis of days."""

import pytest

from pipeline.history.positions import in_order_of_days, positions


def _rows(*days, verdict="blessed"):
    return [{"day": day, "verdict": verdict} for day in days]


def test_runs_of_a_day_share_it_and_a_backfill_goes_where_its_day_is():
    rows = _rows("10", "12", "10")
    assert positions(rows) == [10.0, 12.0, 10.375]
    assert [row for _, row in in_order_of_days(rows)] == [rows[0], rows[2], rows[1]]


def test_the_date_of_a_refresh_is_no_day_of_data():
    rows = [*_rows("2015-09-11"), *_rows("2026-01-01", verdict="refreshed")]
    first, second = positions(rows)
    assert second == pytest.approx(first + 0.1)
