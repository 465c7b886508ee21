"""The first line of a click log."""

import pytest

from modules.config.options.sessions import SessionOptions
from modules.sessions.click_header import Columns, check_text
from modules.sessions.click_header import read_header as read_checked_header
from modules.sessions.sessions import SessionDataError


def read_header(line, path, options):
    return read_checked_header(check_text(line, path), path, options)


def test_finds_columns_in_any_order_among_others():
    header = b"\xef\xbb\xbfTime\tCategory\tItemId\tSessionId\r\n"
    assert read_header(header, "a.tsv", SessionOptions()) == (
        Columns("\t", 4, 3, 2, 0, "letters", (b"SessionId", b"ItemId", b"Time"))
    )


@pytest.mark.parametrize(
    ("path", "delimiter", "expected"),
    [
        ("a.csv", None, ","),
        ("a.CSV.gz", None, ","),
        ("a.tsv", None, "\t"),
        ("a.txt.gz", None, "\t"),
        ("a.csv.bz2", None, ","),
        ("a.csv.zst", None, ","),
        ("a.csv", ";", ";"),
    ],
)
def test_takes_the_delimiter_from_the_options_or_the_name(path, delimiter, expected):
    header = expected.join(["SessionId", "ItemId", "Time"]).encode()
    assert read_header(header, path, SessionOptions(delimiter=delimiter)).delimiter == expected


def test_reads_quoted_header_and_own_column_names():
    options = SessionOptions(session_column="visit", item_column="sku", time_column="at")
    assert read_header(b'"at","visit","sku"\n', "a.csv", options) == (
        Columns(",", 3, 1, 2, 0, "csv", (b"visit", b"sku", b"at"))
    )


def test_a_missing_column_is_named_with_file_and_what_was_found():
    with pytest.raises(SessionDataError) as caught:
        read_header(b"SessionId,ItemId,Time\n", "/data/a.tsv", SessionOptions())
    assert str(caught.value) == (
        "/data/a.tsv has no column 'SessionId': its first line, split at '\\t', names "
        "'SessionId,ItemId,Time'. Split at ',' it names all columns: set "
        "sessions.delimiter to it."
    )


def test_all_missing_columns_are_named_at_once():
    options = SessionOptions(item_column="sku")
    with pytest.raises(SessionDataError) as caught:
        read_header(b"visit\tsku\tat", "a.tsv", options)
    message = str(caught.value)
    assert message.startswith("a.tsv has no column 'SessionId' and no column 'Time': its first")
    assert message.endswith(
        "set sessions.session_column, sessions.time_column or sessions.delimiter."
    )


def test_a_column_named_twice_is_refused():
    with pytest.raises(SessionDataError, match=r"a\.tsv has more than one column 'ItemId'"):
        read_header(b"SessionId\tItemId\tItemId\tTime\n", "a.tsv", SessionOptions())


def test_utf16_is_named():
    with pytest.raises(SessionDataError, match=r"a\.tsv is UTF-16 text: .* iconv -f UTF-16 "):
        read_header("SessionId\tItemId\tTime\n".encode("utf-16"), "a.tsv", SessionOptions())


@pytest.mark.parametrize("order", ["LE", "BE"])
def test_utf16_without_a_mark_is_named(order):
    header = "SessionId\tItemId\tTime\n".encode(f"utf-16-{order}")
    with pytest.raises(SessionDataError, match=f"UTF-16 text without .* iconv -f UTF-16{order}"):
        read_header(header, "a.tsv", SessionOptions())


def test_line_ends_of_old_macs_are_named():
    with pytest.raises(SessionDataError, match=r"a\.tsv has lines that end in a carriage return"):
        read_header(b"SessionId\tItemId\tTime\rs\ti\t5\r", "a.tsv", SessionOptions())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n", b""])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
def test_marks_blanks_and_line_ends_are_not_part_of_names(begin, end):
    header = begin + "SessionId\u00a0\t ItemId \tTime ".encode() + end
    assert read_header(header, "a.tsv", SessionOptions())[1:5] == (3, 0, 1, 2)


@pytest.mark.parametrize(
    ("header", "path", "options", "expected"),
    [
        (b"SessionId\tItemId\tTime", "a.tsv", {}, "letters"),
        (b'"SessionId"\t"ItemId"\t"Time"', "a.tsv", {}, "csv"),  # as R and pandas write
        (b"SessionId\tItemId\tTime", "a.tsv", {"quoting": "csv"}, "csv"),
        (b"SessionId\tItemId\tTime", "a.tsv", {"quoting": "none"}, "none"),
        (b"SessionId,ItemId,Time", "a.csv", {}, "csv"),
        (b"SessionId;ItemId;Time", "a.csv", {"delimiter": ";"}, "csv"),
        (b"SessionId,ItemId,Time", "a.csv", {"quoting": "none"}, "none"),
        (b'SessionId\tItemId\tTime\tthe "Title"', "a.tsv", {}, "letters"),
        (b'SessionId, "ItemId", "Time"', "a.csv", {}, "csv"),
        (b'"SessionId"\t "ItemId"\t "Time"', "a.tsv", {}, "csv"),
        (b'SessionId,ItemId,Time,Size 5"', "a.csv", {}, "csv"),
    ],
)
def test_quoting_by_header_and_options(header, path, options, expected):
    assert read_header(header, path, SessionOptions(**options)).quoting == expected


@pytest.mark.parametrize(
    ("header", "path", "options", "message"),
    [
        (b"SessionId\tItemId\tTime", "a.csv", {}, r"Split at '\\t' it names all columns"),
        (b"SessionId|ItemId|Time", "a.tsv", {}, r"Split at '\|' it names all columns"),
        (b"Session\xe9\tItemId\tTime", "a.tsv", {}, "not UTF-8: .*iconv -f LATIN1"),
        (b'[{"SessionId": 1, "ItemId": 2}]', "a.tsv", {}, "looks like a JSON array: .*jq -c"),
        (b"sep=;", "a.csv", {}, "Excel's separator line: delete it"),
        (b"<!DOCTYPE html>", "a.tsv", {}, "looks like HTML"),
        (b'"SessionId"\t"ItemId"', "a.tsv", {"quoting": "none"}, "set sessions.quoting=csv"),
        (b"sessionid\titemid\ttime", "a.tsv", {}, "case-sensitive"),
        (b'"SessionId,ItemId,Time', "a.csv", {}, "its quotes are not valid CSV"),
        (b'SessionId,\t"ItemId",Time', "a.csv", {}, "blanks other than spaces before them"),
        (b"%PDF-1.4", "a.csv", {}, "is a PDF document: write its rows"),
        (b"%PDF-1.4\r%\xe2\xe3\r", "a.csv", {}, "is a PDF document: write its rows"),
        (b"\x80\x04\x95\x11q\x01.", "a.tsv", {}, "is a pickle of Python: write its rows"),
        (b"\x89PNG\r", "a.tsv", {}, r"is an image \(PNG\)"),
        (b"\x93X\x04\x07\xf0", "a.tsv", {}, "It is not text: write its rows"),
    ],
)
def test_a_header_of_another_kind_says_how_to_fix_it(header, path, options, message):
    with pytest.raises(SessionDataError, match=message):
        read_header(header, path, SessionOptions(**options))


RAW = SessionOptions(
    visitor_column="visitorid", item_column="itemid", time_column="timestamp", event_column="event"
)


def test_finds_the_columns_of_visitors_and_event_types():
    header = b"timestamp,visitorid,event,itemid,transactionid\n"
    names = (b"visitorid", b"itemid", b"timestamp", b"event")
    assert read_header(header, "events.csv", RAW) == Columns(",", 5, 1, 3, 0, "csv", names, 2)


def test_a_missing_column_of_visitors_or_event_types_is_named():
    with pytest.raises(SessionDataError) as caught:
        read_header(b"SessionId,itemid,timestamp\n", "a.csv", RAW)
    assert "a.csv has no column 'visitorid' and no column 'event': " in str(caught.value)
    assert "set sessions.visitor_column, sessions.event_column or" in str(caught.value)


def test_a_log_without_a_session_column_hears_of_visitors():
    hint = "If the log has visitors instead of sessions, set sessions.visitor_column."
    for line, is_named in ((b"visitor\tItemId\tTime", True), (b"SessionId\tsku\tTime", False)):
        with pytest.raises(SessionDataError) as caught:
            read_header(line, "a.tsv", SessionOptions())
        assert (hint in str(caught.value)) == is_named
