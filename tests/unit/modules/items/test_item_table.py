"""Rows by id: which one is kept depends on the files, not on the order of reading."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modules.items.item_table import ItemBlock, as_text, each_once, joined, table_writer, with_ids
from modules.row_formats.values import id_of


def _block(table: pa.Table) -> ItemBlock:
    return ItemBlock([id_of(value) for value in table["sku"].to_pylist()], table)


def _rows(place: int, *rows: dict) -> pa.Table:
    return with_ids(_block(pa.Table.from_pylist(list(rows))), "sku", place, Counter())


def test_rows_without_a_usable_id_are_counted() -> None:
    counts: Counter[str] = Counter()
    table = pa.table({"sku": [" a", None, "[UNK]", "b"], "item_id": [1, 2, 3, 4]})
    found = with_ids(_block(table), "sku", 10, counts)
    assert found["item_id"].to_pylist() == [b"a", b"b"]
    assert found["item_id_in_file"].to_pylist() == [1, 4]  # a column of that name is kept
    assert counts == {"empty_id": 1, "unusable_id": 1}


def test_a_block_may_have_no_usable_row() -> None:
    counts: Counter[str] = Counter()
    empty = pa.table({"sku": pa.array([], pa.string()), "x": pa.array([], pa.string())})
    assert len(with_ids(_block(empty), "sku", 0, counts)) == 0
    assert len(with_ids(_block(pa.table({"sku": [None]})), "sku", 0, counts)) == 0
    assert counts == {"empty_id": 1}


def test_rows_with_values_that_do_not_equal_themselves_are_doubled() -> None:
    row = {"sku": "a", "x": math.nan, "y": [1.0, math.nan]}
    for other, counted in ((row, "rows_doubled"), ({**row, "x": 1.0}, "rows_replaced")):
        counts: Counter[str] = Counter()
        each_once([_rows(0, row), _rows(9, other)], counts)
        assert counts == Counter({"rows_doubled": 0, "rows_replaced": 0, counted: 1})


def test_rows_with_times_that_python_has_not_are_compared() -> None:
    times = pa.array([2**62, 2**62, 1], pa.timestamp("s"))
    table = pa.table({"sku": ["a", "a", "a"], "at": times})
    counts: Counter[str] = Counter()
    each_once([with_ids(_block(table), "sku", 0, Counter())], counts)
    assert counts["rows_replaced"] == 2


def test_the_last_row_of_the_files_stays_whatever_the_order_of_blocks() -> None:
    first = _rows(0, {"sku": "b", "x": 1}, {"sku": "a", "x": 1}, {"sku": "a", "x": 1})
    second = _rows(100, {"sku": "a", "x": 2}, {"sku": "b", "x": 1})
    third = _rows(200, {"sku": "c", "x": 3})
    for tables in itertools.permutations([first, second, third]):
        counts: Counter[str] = Counter()
        table, differing = each_once(tables, counts)
        assert as_text(table).to_pylist() == [
            {"item_id": "a", "x": 2},
            {"item_id": "b", "x": 1},
            {"item_id": "c", "x": 3},
        ]
        assert (counts["rows_doubled"], counts["rows_replaced"]) == (1, 2)
        assert differing == [b"a"]


@pytest.mark.parametrize(
    ("one", "other", "kind", "values"),
    [
        ([1], [2.5], "double", [1.0, 2.5]),
        (pa.array([1], pa.int8()), pa.array([2], pa.uint16()), "int64", [1, 2]),
        ([None], ["a"], "string", [None, "a"]),
        ([True], ["a"], "string", ["true", "a"]),
        ([["a"]], ["b"], "list<item: string>", [["a"], ["b"]]),
        ([["a"]], [1], "list<item: string>", [["a"], ["1"]]),
    ],
)
def test_columns_of_several_types_are_joined(
    one: list, other: list, kind: str, values: list
) -> None:
    tables = [
        with_ids(_block(pa.table({"sku": [sku], "x": column})), "sku", place, Counter())
        for place, (sku, column) in enumerate([("a", one), ("b", other)])
    ]
    for order in (tables, tables[::-1]):
        table = as_text(joined(order).sort_by("item_id"))
        assert str(table.schema.field("x").type) == kind
        assert table["x"].to_pylist() == values


def test_a_column_that_a_file_lacks_is_empty_there() -> None:
    table = as_text(joined([_rows(0, {"sku": "a", "y": "z"}), _rows(9, {"sku": "b", "x": 1})]))
    assert table.to_pylist() == [
        {"item_id": "a", "x": None, "y": "z"},
        {"item_id": "b", "x": 1, "y": None},
    ]


def test_nanoseconds_are_written(tmp_path: Path) -> None:
    table = pa.table({"item_id": ["a"], "at": pa.array([1], pa.timestamp("ns"))})
    with (tmp_path / "table").open("wb") as file, table_writer(file, table.schema) as writer:
        writer.write_table(table)
    assert pq.read_table(tmp_path / "table")["at"].cast(pa.int64()).to_pylist() == [1]
