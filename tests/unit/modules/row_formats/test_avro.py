"""Avro files: unions, logical types, nested records and lists."""

import datetime
import json
from decimal import Decimal

import pytest

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.row_formats.avro import inspect_avro
from modules.sessions.sessions import SessionDataError
from tests import log_formats

TIME = 1442004589439
NESTED = SessionOptions(**log_formats.OTTO)


def schema(**types):
    fields = {"SessionId": "string", "ItemId": "string", "Time": "long", **types}
    return {
        "type": "record",
        "name": "shop.Click",
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
    }


def record(**values):
    return {"SessionId": "s", "ItemId": "i", "Time": TIME, **values}


def read(path, options=SessionOptions(), piece_bytes=300):  # noqa: B008 (frozen)
    contents = inspect_avro(str(path), options)
    parts = contents.parts(path.stat().st_size, piece_bytes)
    return [rows for part in parts for rows in part.read(str(path), options)]


def read_one(tmp_path, kinds, records, **options):
    path = tmp_path / "a.avro"
    path.write_bytes(log_formats.avro_bytes(schema(**kinds), records))
    (rows,) = read(path, SessionOptions(**options), 10**6)
    return rows


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("long", [2**53 + 1, -1], [b"9007199254740993", b"-1"]),
        (["null", "int"], [7, None], [b"7", "empty_id"]),
        (["null", "double", "string"], [7.0, 7.5, "x"], [b"7", "type", b"x"]),
        ("bytes", [b" x ", b"\xff"], [b"x", "encoding"]),
        ({"type": "enum", "name": "E", "symbols": ["a"]}, ["a"], [b"a"]),
        ({"type": "string", "logicalType": "uuid"}, ["0" * 8], [b"00000000"]),
        (["null", DECIMAL], [Decimal(7), Decimal("1.5"), None], [b"7", "type", "empty_id"]),
        ({**DECIMAL, "scale": 0}, [Decimal(10**30)], [b"1" + b"0" * 30]),
    ],
)
def test_ids_of_any_type_become_text(tmp_path, kind, values, expected):
    rows = read_one(tmp_path, {"ItemId": kind}, [record(ItemId=value) for value in values])
    assert rows.item_ids == [value for value in expected if isinstance(value, bytes)]
    assert [why for why, _, _ in rows.rejects] == [v for v in expected if isinstance(v, str)]


def logical(name, kind="long"):
    return {"type": kind, "logicalType": name}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", TIME),
        ("double", TIME / 1000),
        ("string", "2015-09-11T20:49:49.439Z"),
        (logical("timestamp-millis"), TIME),
        (logical("timestamp-micros"), TIME * 1000),
        (logical("local-timestamp-micros"), TIME * 1000),
        (["null", logical("timestamp-nanos")], TIME * 10**6),
        ({**DECIMAL, "scale": 3}, Decimal("1442004589.439")),
    ],
)
def test_times_of_any_type_become_milliseconds(tmp_path, kind, value):
    assert read_one(tmp_path, {"Time": kind}, [record(Time=value)]).times == [TIME]


def test_timestamps_do_not_follow_the_unit_of_numbers_and_dates_are_midnight(tmp_path):
    kinds = {"Time": ["null", logical("timestamp-millis")]}
    records = [record(Time=value) for value in (5, None, -5, 2**62)]
    rows = read_one(tmp_path, kinds, records, time_unit="seconds")
    assert rows.times == [5]
    assert [why for why, _, _ in rows.rejects] == ["time"] * 3
    rows = read_one(
        tmp_path, {"Time": logical("date", "int")}, [record(Time=datetime.date(2015, 9, 11))]
    )
    assert rows.times == [1441929600000]


def test_nested_records_are_found_by_path_through_unions_and_names(tmp_path):
    item = {"type": "record", "name": "shop.Item", "fields": [{"name": "id", "type": "long"}]}
    event = {
        "type": "record",
        "name": "Event",
        "fields": [{"name": "other", "type": item}, {"name": "item", "type": ["null", "Item"]}],
    }
    kinds = {"event": ["null", event]}
    records = [
        record(event={"other": {"id": 1}, "item": {"id": 7}}),
        record(event={"other": {"id": 1}, "item": None}),
        record(event=None),
    ]
    rows = read_one(tmp_path, kinds, records, item_column="event.item.id")
    assert rows.item_ids == [b"7"]
    assert [why for why, _, _ in rows.rejects] == ["empty_id"] * 2
    assert json.loads(rows.rejects[0][2])["event"]["item"] is None


def test_a_name_is_looked_up_in_its_own_namespace(tmp_path):
    def when(space, unit):
        at = {"name": "at", "type": logical(f"timestamp-{unit}")}
        return {"type": "record", "name": "When", "namespace": space, "fields": [at]}

    fields = [
        *({"name": "SessionId", "type": "string"}, {"name": "ItemId", "type": "string"}),
        *({"name": "a", "type": when("a", "micros")}, {"name": "b", "type": when("b", "millis")}),
        {"name": "Time", "type": "b.When"},
    ]
    kinds = {"type": "record", "name": "Click", "namespace": "b", "fields": fields}
    values = {
        "SessionId": "s",
        "ItemId": "i",
        **{name: {"at": TIME} for name in ("a", "b", "Time")},
    }
    content = log_formats.avro_bytes(kinds, [values])
    assert content.count(b'"b.When"') == 2
    first, name, last = content.rpartition(b'"b.When"')
    path = tmp_path / "a.avro"
    path.write_bytes(first + b'"When"'.ljust(len(name)) + last)  # as Java writes it
    (rows,) = read(path, SessionOptions(time_column="Time.at"))
    assert rows.times == [TIME]


def test_a_time_of_day_is_added_to_a_date(tmp_path):
    kinds = {"Time": logical("date", "int"), "ms": logical("time-micros")}
    records = [record(Time=datetime.date(2015, 9, 11), ms=datetime.time(0, 0, 1, 500))]
    rows = read_one(tmp_path, kinds, records, time_offset_column="ms")
    assert rows.times == [1441929600000 + 1001]


def test_a_type_defined_in_a_column_that_is_not_read_is_known(tmp_path):
    kind = {"type": "fixed", "name": "Code", "size": 2}
    records = [record(Code=b"xy", ItemId=b"ab")]
    path = tmp_path / "a.avro"
    fields = [{"name": "Code", "type": kind}, *schema(ItemId="Code")["fields"]]
    path.write_bytes(log_formats.avro_bytes({**schema(), "fields": fields}, records))
    assert read(path)[0].item_ids == [b"ab"]


def test_positions_order_rows_and_rejects_name_the_block(tmp_path):
    path = tmp_path / "a.avro"
    rows = [(number, f"item {number}" if number % 9 else None, TIME) for number in range(300)]
    path.write_bytes(log_formats.avro(rows))
    found = read(path)
    assert len(found) > 5
    offsets = [at for block in found for at in block.offsets]
    assert offsets == sorted(set(offsets))
    ids = [item for block in found for item in block.item_ids]
    assert ids == [f"item {number}".encode() for number in range(300) if number % 9]
    for block in found:
        assert {at for _, at, _ in block.rejects} <= {block.offsets[0] >> 8}


def test_sessions_with_lists_of_events(tmp_path):
    rows = [(at // 3, f"i{at}", TIME + at) for at in range(90)]
    records = log_formats.nested_records(rows)
    records[3:3] = [{"session": 99, "events": []}]
    path = tmp_path / "otto.avro"
    path.write_bytes(log_formats.NESTED["avro"](records))
    found = read(path, NESTED)
    assert [each for part in found for each in zip(*part[:3], strict=True)] == [
        (b"%d" % session, item.encode(), time) for session, item, time in rows
    ]
    offsets = [at for block in found for at in block.offsets]
    assert offsets == sorted(set(offsets))


@pytest.mark.parametrize(
    ("kinds", "options", "message"),
    [
        ({}, {"item_column": "sku"}, "no column 'sku': its schema has 'SessionId', 'ItemId', 'Ti"),
        ({"ItemId": "boolean"}, {}, "column 'ItemId' of type boolean, where a text or number"),
        ({"Time": logical("time-millis", "int")}, {}, "column 'Time' of type time-millis, where a"),
        ({"ItemId": {"type": "array", "items": "long"}}, {}, "column 'ItemId' of type array"),
        ({"ItemId": ["null", "boolean"]}, {}, "column 'ItemId' of type boolean"),
        ({}, {"layout": "nested"}, r"no column 'events'.* Set sessions\.events_column"),
    ],
)
def test_columns_that_cannot_be_read_are_named(tmp_path, kinds, options, message):
    path = tmp_path / "a.avro"
    path.write_bytes(log_formats.avro_bytes(schema(**kinds), []))
    with pytest.raises(SessionDataError, match=message):
        inspect_avro(str(path), SessionOptions(**options))


def test_a_block_with_other_rows_than_it_says_is_damaged(tmp_path):
    path = tmp_path / "a.avro"
    content = bytearray(log_formats.avro_bytes(schema(), [record()] * 20, "null", 10**6))
    path.write_bytes(content)
    start = inspect_avro(str(path), SessionOptions()) and content.rindex(b"\x28", 0, 400)
    for count in (19, 21):
        content[start] = 2 * count
        path.write_bytes(content)
        with pytest.raises(BrokenFileError, match=r"has other than its|cannot be read"):
            read(path, piece_bytes=10**6)


def test_a_schema_that_is_no_record_is_refused(tmp_path):
    path = tmp_path / "a.avro"
    path.write_bytes(log_formats.avro_bytes({"type": "string"}, ["x"]))
    with pytest.raises(BrokenFileError, match="schema is not a record"):
        read(path)
