"""Headers, rows and times of a click log."""

import doctest
import random

import pytest

from modules import click_log
from modules.click_log import MAX_TIME_MS, Columns, parse_rows, read_header, time_to_ms
from modules.sessions import SessionDataError, SessionOptions

COLUMNS = Columns("\t", 3, 0, 1, 2)


@pytest.mark.parametrize(
    ("raw", "unit", "expected"),
    [
        (b"1442004589439", "auto", 1442004589439),
        (b"1442004589", "auto", 1442004589000),
        (b"1396860669.277", "auto", 1396860669277),
        (b"1396437466.94", "auto", 1396437466940),
        (b"1396860669.2774", "auto", 1396860669277),
        (b"1396860669.", "auto", 1396860669000),
        (b"1.396860669277E9", "auto", 1396860669277),
        (b" 1442004589439 ", "auto", 1442004589439),
        (b"99999999999", "auto", 99999999999000),
        (b"100000000000", "auto", 100000000000),
        (b"0", "auto", 0),
        (b"1442004589", "milliseconds", 1442004589),
        (b"1442004589439.0", "milliseconds", 1442004589439),
        (b"1442004589", "seconds", 1442004589000),
        (b"1442004589.5", "seconds", 1442004589500),
        (str(MAX_TIME_MS).encode(), "auto", MAX_TIME_MS),
    ],
)
def test_reads_a_time_as_milliseconds(raw, unit, expected):
    assert time_to_ms(raw, unit) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"soon",
        b"-1",
        b"+1442004589439",
        b"nan",
        b"inf",
        b"1_442_004_589_439",
        b"0x10",
        b"2014-04-07T10:51:09.277Z",
        b"1,442",
        b"1e999",
        b"9" * 5000,
        str(MAX_TIME_MS + 1).encode(),
        b"1442004589439.0",  # a point means seconds: the year 47,665
        "١٤٤٢".encode(),
    ],
)
def test_refuses_what_is_no_time(raw):
    assert time_to_ms(raw, "auto") is None


def test_every_millisecond_survives_float_seconds():
    draw = random.Random(3)
    for time in (draw.randrange(10**12, 2 * 10**12) for _ in range(20_000)):
        assert time_to_ms(f"{time / 1000:.3f}".encode(), "auto") == time


def test_finds_columns_in_any_order_among_others():
    header = b"\xef\xbb\xbfTime\tCategory\tItemId\tSessionId\r\n"
    assert read_header(header, "a.tsv", SessionOptions()) == Columns("\t", 4, 3, 2, 0)


@pytest.mark.parametrize(
    ("path", "delimiter", "expected"),
    [
        ("a.csv", None, ","),
        ("a.CSV.gz", None, ","),
        ("a.tsv", None, "\t"),
        ("a.txt.gz", None, "\t"),
        ("a.csv", ";", ";"),
    ],
)
def test_takes_the_delimiter_from_the_options_or_the_name(path, delimiter, expected):
    header = expected.join(["SessionId", "ItemId", "Time"]).encode()
    assert read_header(header, path, SessionOptions(delimiter=delimiter)).delimiter == expected


def test_reads_quoted_header_and_own_column_names():
    options = SessionOptions(session_column="visit", item_column="sku", time_column="at")
    assert read_header(b'"at","visit","sku"\n', "a.csv", options) == Columns(",", 3, 1, 2, 0)


def test_a_missing_column_is_named_with_file_and_what_was_found():
    with pytest.raises(SessionDataError) as caught:
        read_header(b"SessionId,ItemId,Time\n", "/data/a.tsv", SessionOptions())
    assert str(caught.value) == (
        "/data/a.tsv has no column 'SessionId': its first line, split at '\\t', names "
        "'SessionId,ItemId,Time'. Mend the header, or set sessions.session_column or "
        "sessions.delimiter."
    )


def test_a_column_named_twice_is_refused():
    with pytest.raises(SessionDataError, match=r"a\.tsv has more than one column 'ItemId'"):
        read_header(b"SessionId\tItemId\tItemId\tTime\n", "a.tsv", SessionOptions())


def test_utf16_is_named():
    with pytest.raises(SessionDataError, match=r"a\.tsv is UTF-16 text: write it as UTF-8"):
        read_header("SessionId\tItemId\tTime\n".encode("utf-16"), "a.tsv", SessionOptions())


def test_rows_keep_their_offsets_and_windows_ends_and_blank_lines_do_not_matter():
    text = b"s1\ti1\t1442004589439\r\n\r\n\ns2\ti2\t1442004589440"
    rows = parse_rows(text, 100, COLUMNS)
    assert rows.session_ids == [b"s1", b"s2"]
    assert rows.item_ids == [b"i1", b"i2"]
    assert rows.times == [1442004589439, 1442004589440]
    assert rows.offsets == [100, 100 + text.index(b"s2")]
    assert rows.rejects == []


def test_bad_rows_are_told_apart_and_keep_place_and_text():
    bad = [
        ("field_count", b"s\ti"),
        ("field_count", b"s\ti\t1\textra"),
        ("empty_id", b"\ti\t1"),
        ("empty_id", b"s\t \t1"),
        ("time", b"s\ti\tsoon"),
        ("time", b"s\ti\t"),
        ("encoding", b"s\t\xff\xfe\t1"),
    ]
    text = b"s\t\xc3\xa9\t1\n" + b"".join(line + b"\n" for _, line in bad)
    rows = parse_rows(text, 0, COLUMNS)
    assert rows.item_ids == ["é".encode()]
    assert [(reason, line) for reason, _, line in rows.rejects] == bad
    assert all(text[offset:].startswith(line + b"\n") for _, offset, line in rows.rejects)


def test_quoted_fields_are_read_as_csv():
    text = b'"s,1","say ""hi""",5\ns2,"open,6\n'
    rows = parse_rows(text, 0, Columns(",", 3, 0, 1, 2))
    assert (rows.session_ids, rows.item_ids) == ([b"s,1"], [b'say "hi"'])
    assert rows.rejects == [("field_count", text.index(b"s2"), b's2,"open,6')]


def test_any_cut_of_the_text_at_a_line_end_gives_the_same_rows():
    draw = random.Random(11)
    lines = [
        draw.choice([b"s%d\ti%d\t%d\n", b"s%d\ti%d\t%d\r\n", b"s%d i%d %d\n"])
        % (draw.randrange(9), draw.randrange(9), draw.randrange(10**12))
        for _ in range(300)
    ]
    whole = parse_rows(b"".join(lines), 7, COLUMNS)
    assert len(whole.times) + len(whole.rejects) == 300
    for _ in range(20):
        cut = draw.randrange(301)
        first, second = b"".join(lines[:cut]), b"".join(lines[cut:])
        parts = parse_rows(first, 7, COLUMNS), parse_rows(second, 7 + len(first), COLUMNS)
        for both, expected in zip(zip(*parts, strict=True), whole, strict=True):
            assert both[0] + both[1] == expected


def test_the_examples_in_docstrings_hold():
    result = doctest.testmod(click_log)
    assert result.attempted > 0
    assert result.failed == 0
