"""What is said of the files of items."""

from __future__ import annotations

from modules.items.item_report import ItemReport, rows, share_named, summary

GOOD = ItemReport({"rows_read": 1200, "items": 1200, "log_items": 1000}, {})


def test_files_without_faults_take_one_line() -> None:
    assert (
        summary(GOOD) == "Items: 1,200 of 1,200 rows, 100.0% of the items of the sessions have one"
    )
    assert rows(GOOD)[0] == ("rows in the files", "1,200", "")


def test_each_fault_has_a_line_with_some_ids() -> None:
    counts = {**GOOD.counts, "rows_replaced": 2, "log_items_without_row": 900, "bad_row": 0}
    report = ItemReport(counts, {"log_items_without_row": ["7", "a b"]})
    first, *more = summary(report).split("\n  ")
    assert "10.0% of the items" in first
    assert more[0] == "2 rows replaced by a later, different row of the same item"
    assert more[1] == "900 items of the sessions that have no row, such as '7', 'a b'"
    assert more[2].startswith("Warning: most items of the sessions have no row: are the ids")
    assert len(more) == 3


def test_nothing_is_said_of_sessions_that_are_not_there() -> None:
    report = ItemReport({"rows_read": 1, "items": 1}, {})
    assert share_named(report) is None
    assert summary(report) == "Items: 1 of 1 rows"
