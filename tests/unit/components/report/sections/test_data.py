"""Counts of rows and sessions as a table."""

from __future__ import annotations

import doctest

from components.report.sections import data


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(data)
    assert result.attempted and not result.failed


def test_rows_come_before_sessions_and_splits_in_the_order_of_time() -> None:
    counts = {
        "test.items": 3,
        "test.rows_read": 4,
        "train.sessions": 5,
        "train.rows_kept": 7,
        "train.rows_rejected.time": 1,
        "train.rows_read": 9,
        "train.sessions_too_short": 1,
        "train.first_start": 0,
        "train.files": 2,
        "train.rows_too_short": 1,
        "eval.sessions": 6,
        "other.rows_read": 8,
    }
    table = data.data_counts(counts)
    assert table["splits"] == ["train", "eval", "test"]
    names = [name for name, _ in table["rows"]]
    assert names == [
        *("files", "rows read", "rows rejected: time", "rows too short", "sessions too short"),
        *("rows kept", "sessions", "items", "first start"),
    ]
    assert dict(table["rows"])["sessions"] == [5, 6, None]
    assert dict(table["rows"])["first start"] == ["1970-01-01 00:00:00.000 UTC", None, None]
