"""Columns of Arrow: where values are, and what they are as text."""

import pyarrow as pa
import pytest

from modules.row_formats import arrow_columns

EVENT = pa.struct([("item", pa.struct([("id", pa.int64())])), ("a.b", pa.string())])
SCHEMA = pa.schema(
    [
        ("event", EVENT),
        ("x.y", pa.int8()),
        ("x", pa.struct([("y", pa.string())])),
        ("list", pa.list_(EVENT)),
    ]
)


def test_types_are_found_by_name_and_path():
    assert arrow_columns.find_type(SCHEMA, "event.item.id") == pa.int64()
    assert arrow_columns.find_type(SCHEMA, "x.y") == pa.int8()
    assert arrow_columns.find_type(SCHEMA, "event.none") is None
    assert arrow_columns.find_type(SCHEMA, "list.item") is None
    assert arrow_columns.find_type(SCHEMA, "none.x") is None
    assert arrow_columns.inner_type(EVENT, "item.id") == pa.int64()
    assert arrow_columns.inner_type(EVENT, "a.b") == pa.string()
    with pytest.raises(ValueError, match="more than one column 'a'"):
        arrow_columns.find_type(pa.schema([("a", pa.int8()), ("a", pa.int8())]), "a")
    names = [*arrow_columns.all_names(SCHEMA)]
    assert names == ["event.item.id", "event.a.b", "x.y", "x.y", "list.item.id", "list.a.b"]


def test_values_inside_missing_structs_are_missing():
    events = pa.array([{"item": {"id": 7}}, {"item": None}, None], EVENT)
    batch = pa.RecordBatch.from_arrays([events], ["event"])
    assert arrow_columns.column(batch, "event.item.id").to_pylist() == [7, None, None]
    assert arrow_columns.inner_column(events, "a.b").null_count == 3


def test_ids_and_times_of_slices_are_those_of_their_rows():
    numbers = pa.array([1, None, 3, 4])[1:3]
    assert arrow_columns.ids(numbers) == [b"", b"3"]
    assert arrow_columns.times(numbers) == [b"", b"3"]
    stamps = pa.array([0, None, 1_500_000, 9], pa.timestamp("us"))[1:3]
    assert arrow_columns.times(stamps)[1] == 1500
    assert arrow_columns.times(stamps)[0] < 0  # refused as out of range


def test_what_is_shown_of_values_that_python_does_not_have():
    assert arrow_columns.shown(pa.array([2**62], pa.timestamp("ms")), 0) == str(2**62)
    assert arrow_columns.shown(pa.array([b"\xff"]).cast(pa.string(), safe=False), 0) == b"\xff"
    assert arrow_columns.shown(pa.array(["x", None]), 1) is None
    assert arrow_columns.shown(pa.array([[1]]), 0) == [1]
