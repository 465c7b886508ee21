"""Delimited text, with a header line or with names from the options."""

import gzip

import pytest

from modules.config.options.sessions import SessionOptions
from modules.row_formats.delimited_text import inspect_text
from modules.sessions.sessions import SessionDataError

NAMES = ("session", "time", "item", "category")
YOOCHOOSE = SessionOptions(
    columns=NAMES,
    delimiter=",",
    session_column="session",
    item_column="item",
    time_column="time",
)
CLICKS = b"1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,0\n"


def read(path, options=YOOCHOOSE, codec="", piece_bytes=1 << 20):
    contents = inspect_text(str(path), codec, options)
    parts = contents.parts(path.stat().st_size, piece_bytes)
    return [rows for part in parts for rows in part.read(str(path), options)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_names_from_the_options_make_the_first_line_a_row(tmp_path, pack):
    path = tmp_path / "yoochoose-clicks.dat"
    path.write_bytes(pack(CLICKS))
    (rows,) = read(path, codec="" if pack is bytes else "gzip")
    assert rows.session_ids == [b"1", b"1"]
    assert rows.item_ids == [b"214536502", b"214536500"]
    assert rows.times == [1396867869277, 1396868049868]
    assert rows.offsets == [0, CLICKS.index(b"\n") + 1]


def test_a_file_without_header_is_cut_into_pieces_anywhere(tmp_path):
    path = tmp_path / "clicks.dat"
    text = b"\xef\xbb\xbf" + CLICKS * 5 + b"2,2014-04-07,9,S\n"  # joined, the last one by hand
    path.write_bytes(text)
    for size in (1, 7, 40, 100):
        read_rows = read(path, piece_bytes=size)
        assert b"".join(b"".join(rows.item_ids) for rows in read_rows) == (
            b"214536502214536500" * 5 + b"9"
        )


def test_a_single_row_is_enough(tmp_path):
    path = tmp_path / "clicks.dat"
    path.write_bytes(CLICKS.splitlines()[0])
    assert read(path)[0].item_ids == [b"214536502"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"session,time,item,category", "looks like a header: 'session,time,item,category'. Set"),
        (b"Session, Item, Time, Category", "looks like a header"),
        (b"SessionID,Timestamp,ItemID,Category", "looks like a header"),
        (b"1\t2014-04-07\t5\t0", r"first line of 1 fields, split at ',', .*delimiter to '\\t'"),
        (b"1,2014-04-07,5", "first line of 3 fields, split at ',', and sessions.columns names 4"),
        (b"", "is empty: it has 0 bytes, expected rows"),
    ],
)
def test_a_first_line_that_is_no_row_is_refused(tmp_path, line, message):
    path = tmp_path / "clicks.dat"
    path.write_bytes(line + (b"\n1,2014-04-07,5,0\n" if line else b""))
    with pytest.raises(SessionDataError, match=message):
        read(path)


def test_a_bad_first_row_is_a_reject(tmp_path):
    path = tmp_path / "clicks.dat"
    path.write_bytes(b"1,soon,5,0\n" + CLICKS)
    (rows,) = read(path)
    assert rows.rejects == [("time", 0, b"1,soon,5,0")]
    assert len(rows.times) == 2


def test_text_has_no_lists(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"SessionId\tItemId\tTime\n1\t2\t3\n")
    with pytest.raises(SessionDataError, match="layout=nested reads JSON lines, Parquet and Avro"):
        read(path, SessionOptions(layout="nested"))


def test_a_name_with_dots_is_just_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"SessionId,event.item.id,Time\ns,i,1442004589439\n")
    (rows,) = read(path, SessionOptions(item_column="event.item.id"))
    assert rows.item_ids == [b"i"]


def test_blank_lines_before_rows_are_no_names_of_columns(tmp_path):
    path, options = tmp_path / "a.csv", SessionOptions(columns=("SessionId", "ItemId", "Time"))
    path.write_bytes(b"\n \ns,i,1442004589439\n")
    (rows,) = read(path, options)
    assert rows.item_ids == [b"i"]
    path.write_bytes(b"\n\n")
    with pytest.raises(SessionDataError, match="is empty"):
        read(path, options)


def test_diginetica_has_dates_and_milliseconds_since_the_session_began(tmp_path):
    path = tmp_path / "train-item-views.csv"
    path.write_bytes(
        b"sessionId;userId;itemId;timeframe;eventdate\n"
        b"1;NA;81766;526309;2016-05-09\n"
        b"1;NA;31331;1031018;2016-05-09\n"
        b"1;NA;32118;NA;2016-05-09\n"
    )
    options = SessionOptions(
        delimiter=";",
        session_column="sessionId",
        item_column="itemId",
        time_column="eventdate",
        time_offset_column="timeframe",
    )
    (rows,) = read(path, options)
    assert rows.times == [1462752000000 + 526309, 1462752000000 + 1031018]
    assert [why for why, _, _ in rows.rejects] == ["time"]


def test_an_array_on_one_line_is_no_header(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"SessionId": 1, "ItemId": 2, "Time": 3}]')
    with pytest.raises(SessionDataError, match=r"is a JSON array: .* jq -c '\.\[\]' FILE"):
        read(path, SessionOptions())
