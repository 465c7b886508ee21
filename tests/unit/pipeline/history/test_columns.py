"""The columns of a history."""

import pytest

from pipeline.history.columns import COLUMNS, full_row
from pipeline.paths import PROJECT


def test_a_row_has_all_columns_in_order_and_lists_where_there_are_lists():
    row = full_row({"seconds": 1.5, "day": "9"})
    assert list(row) == list(COLUMNS)
    assert (row["day"], row["seconds"], row["reasons"], row["oov_share"]) == ("9", 1.5, [], None)


def test_a_value_without_a_column_is_refused():
    with pytest.raises(KeyError, match="secunds"):
        full_row({"secunds": 1.5})


def test_every_column_is_documented():
    text = (PROJECT / "docs" / "summary.md").read_text("utf-8")
    for column in COLUMNS:
        parts = column.split(".")
        assert f"`{column}`" in text or f"`{parts[0]}." in text or "/n" in column, column
