"""Parquet files: columns of every type, nested values, row groups."""

import datetime
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.row_formats.parquet import inspect_parquet
from modules.sessions.sessions import SessionDataError
from tests import log_formats

TIME = 1442004589439
NESTED = SessionOptions(**log_formats.OTTO)


def read(path, options=SessionOptions(), piece_bytes=1):  # noqa: B008 (frozen)
    """Returns the rows of each part: of each row group, if parts are small."""
    parts = inspect_parquet(str(path), options).parts(path.stat().st_size, piece_bytes)
    return [rows for part in parts for rows in part.read(str(path), options)]


def write(path, group=100, **columns):
    path.write_bytes(log_formats.parquet_bytes(pa.table(columns), group))
    return path


def log(**columns):
    values = {"SessionId": ["s", "s"], "ItemId": ["i", "j"], "Time": [TIME, TIME + 1]}
    return {**values, **columns}


IDS = {
    "integers with gaps": (pa.array([7, None], pa.int64()), [b"7", None]),
    "floats of pandas": (pa.array([7.0, float("nan")]), [b"7", None]),
    "beyond floats": (pa.array([2**64 - 1, 2**53 + 1], pa.uint64()), None),
    "binary": (pa.array([b"x", b" y "]), [b"x", b"y"]),
    "large text": (pa.array(["é\u00a0", None], pa.large_string()), ["é".encode(), None]),
    "dictionary": (pa.array(["x", None]).dictionary_encode(), [b"x", None]),
    "decimal": (pa.array([Decimal(7), None], pa.decimal128(38, 0)), [b"7", None]),
    "numeric": (pa.array([Decimal("7.000"), None], pa.decimal128(38, 9)), [b"7", None]),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_of_any_type_become_text(tmp_path, name):
    values, expected = IDS[name]
    expected = expected or [b"18446744073709551615", b"9007199254740993"]
    for column in ("SessionId", "ItemId"):
        (rows,) = read(write(tmp_path / "a.parquet", **log(**{column: values})))
        found = rows.session_ids if column == "SessionId" else rows.item_ids
        assert found == [value for value in expected if value is not None]
        assert [why for why, _, _ in rows.rejects] == ["empty_id"] * expected.count(None)


TIMES = {
    "ms": pa.array([TIME, None], pa.timestamp("ms")),
    "zone": pa.array([TIME * 1000, None], pa.timestamp("us", "Asia/Tokyo")),
    "ns": pa.array([TIME * 10**6, -5], pa.timestamp("ns")),
    "milliseconds": pa.array([TIME, None]),
    "float seconds": pa.array([TIME / 1000, float("nan")]),
    "text": pa.array(["2015-09-11T22:49:49.439+02:00", "09/11/2015"]),
    "decimal": pa.array([Decimal("1442004589.439"), None], pa.decimal128(20, 3)),
}


@pytest.mark.parametrize("values", TIMES.values(), ids=TIMES)
def test_times_of_any_type_become_milliseconds(tmp_path, values):
    (rows,) = read(write(tmp_path / "a.parquet", **log(Time=values)))
    assert rows.times == [TIME]
    assert [(why, at) for why, at, _ in rows.rejects] == [("time", 1)]


def test_timestamps_do_not_follow_the_unit_of_numbers_and_dates_are_midnight(tmp_path):
    options = SessionOptions(time_unit="seconds")
    seconds = pa.array([TIME // 1000, 5], pa.timestamp("s"))
    (rows,) = read(write(tmp_path / "a.parquet", **log(Time=seconds)), options)
    assert rows.times == [TIME // 1000 * 1000, 5000]
    dates = [datetime.date(2015, 9, 11), datetime.date(1969, 12, 31)]
    for kind in (pa.date32(), pa.date64()):
        (rows,) = read(write(tmp_path / "a.parquet", **log(Time=pa.array(dates, kind))), options)
        assert rows.times == [1441929600000]
        assert [why for why, _, _ in rows.rejects] == ["time"]


OFFSETS = {
    "numbers": pa.array([1.5, -1.0]),
    "durations": pa.array([1500, -1], pa.duration("us")),
    "decimals": pa.array([Decimal("1.5"), None]),
}


@pytest.mark.parametrize("values", OFFSETS.values(), ids=OFFSETS)
def test_an_offset_of_any_type_is_added_to_the_time(tmp_path, values):
    options = SessionOptions(time_offset_column="ms")
    (rows,) = read(write(tmp_path / "a.parquet", **log(ms=values)), options)
    assert rows.times == [TIME + 2]
    assert [(why, at) for why, at, _ in rows.rejects] == [("time", 1)]


def test_a_reject_shows_the_row_as_it_is(tmp_path):
    items = pa.array([1.5, 2.0])
    (rows,) = read(write(tmp_path / "a.parquet", **log(ItemId=items)))
    ((why, row, text),) = rows.rejects
    assert (why, row) == ("type", 0)
    assert json.loads(text) == {"SessionId": "s", "ItemId": 1.5, "Time": TIME}


def test_text_that_is_no_utf8_is_a_reject(tmp_path):
    items = pa.array([b"\xff", b"i"]).cast(pa.string(), safe=False)
    (rows,) = read(write(tmp_path / "a.parquet", **log(ItemId=items)))
    assert [(why, at) for why, at, _ in rows.rejects] == [("encoding", 0)]


def test_only_columns_that_are_read_are_decoded_and_rows_count_on(tmp_path):
    number = 50
    path = write(
        tmp_path / "a.parquet",
        7,
        **log(
            Other=pa.array([{"x": [at]} for at in range(number)]),
            SessionId=[str(at) for at in range(number)],
            ItemId=pa.array([at if at % 9 else None for at in range(number)]),
            Time=[TIME + at for at in range(number)],
        ),
    )
    found = read(path)
    assert len(found) == 8
    assert sorted(at for rows in found for at in rows.offsets) == [
        at for at in range(number) if at % 9
    ]
    assert [at for rows in found for _, at, _ in rows.rejects] == [*range(0, number, 9)]
    together = read(path, piece_bytes=10**9)
    assert [at for rows in together for at in rows.offsets] == [
        at for rows in found for at in rows.offsets
    ]


def test_nested_values_are_found_by_path_and_names_with_dots_come_first(tmp_path):
    event = [{"item": {"id": 7}}, None]
    options = SessionOptions(item_column="event.item.id")
    path = write(tmp_path / "a.parquet", **log(event=pa.array(event)))
    (rows,) = read(path, options)
    assert rows.item_ids == [b"7"]
    assert [why for why, _, _ in rows.rejects] == ["empty_id"]
    flat = pa.array(["x", "y"])
    path = write(tmp_path / "b.parquet", **log(event=pa.array(event), **{"event.item.id": flat}))
    assert read(path, options)[0].item_ids == [b"x", b"y"]


def test_sessions_with_lists_of_events(tmp_path):
    rows = [(at // 3, f"i{at}", TIME + at) for at in range(60)]
    records = log_formats.nested_records(rows)
    records.insert(1, {"session": 99, "events": []})
    records.insert(2, {"session": 98, "events": None})
    records[-1]["events"].append(None)
    path = tmp_path / "otto.parquet"
    path.write_bytes(log_formats.parquet_bytes(pa.Table.from_pylist(records), 5))
    found = read(path, NESTED)
    read_rows = [each for part in found for each in zip(*part[:3], strict=True)]
    assert read_rows == [(b"%d" % s, item.encode(), time) for s, item, time in rows]
    offsets = [at for part in found for at in part.offsets]
    assert offsets == sorted(set(offsets))
    missing, null = (each for part in found for each in part.rejects)
    assert missing == ("type", 3, b"98")
    assert null[0] == "time"


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"item_column": "sku"}, "no column 'sku': its schema has 'SessionId', 'ItemId', 'Ti"),
        ({"ItemId": [[1], [2]]}, {}, r"column 'ItemId' of type list<.*, where a text or number is"),
        ({"ItemId": [True, False]}, {}, "column 'ItemId' of type bool"),
        ({"Time": [{"x": 1}] * 2}, {}, "column 'Time' of type struct<.*a timestamp, date, text"),
        ({"Time": pa.array([1, 2], pa.duration("s"))}, {}, "column 'Time' of type"),
        ({"ItemId": [None, None]}, {}, "column 'ItemId' of type null"),
        ({"Time": pa.array([1.4e9] * 2, pa.float32())}, {}, "column 'Time' of type float, where"),
        ({"e": [{"x": 1}] * 2}, {"item_column": "e.y"}, "no column 'e.y': .*'e.x'"),
        ({"SessionId": [], "ItemId": [], "Time": []}, {}, "is empty: it is a Parquet file without"),
        ({}, {"layout": "nested"}, r"no column 'events'.* Set sessions\.events_column"),
        ({"events": [[{"aid": 1}]] * 2}, {"layout": "nested"}, r"no column 'events\.ItemId'"),
    ],
)
def test_columns_that_cannot_be_read_are_named(tmp_path, columns, options, message):
    path = write(tmp_path / "a.parquet", **log(**columns))
    with pytest.raises(SessionDataError, match=message):
        inspect_parquet(str(path), SessionOptions(**options))


def test_two_columns_of_one_name_are_refused(tmp_path):
    names = ["SessionId", "ItemId", "Time", "ItemId"]
    table = pa.Table.from_arrays([pa.array([1])] * 4, names=names)
    (tmp_path / "a.parquet").write_bytes(log_formats.parquet_bytes(table))
    with pytest.raises(SessionDataError, match="more than one column 'ItemId'"):
        read(tmp_path / "a.parquet")


def test_damage_names_what_it_is(tmp_path):
    path = write(tmp_path / "a.parquet", **log())
    whole = path.read_bytes()
    for content, message in (
        (whole[:-1], "PyArrow cannot read it"),
        (whole[: len(whole) // 2], "PyArrow cannot read it"),
        (whole + whole, "several files joined"),
        (whole[:10] + b"\xff" * 30 + whole[40:], "PyArrow"),
    ):
        path.write_bytes(content)
        with pytest.raises(BrokenFileError, match=message):
            read(path)
