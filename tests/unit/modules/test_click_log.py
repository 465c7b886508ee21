"""Headers and rows of a click log."""

import random

import pytest

from modules.click_log import Columns, parse_rows, read_header
from modules.sessions import SessionDataError, SessionOptions

COLUMNS = Columns("\t", 3, 0, 1, 2)


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
