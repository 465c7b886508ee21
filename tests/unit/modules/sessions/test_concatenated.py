"""Files that were joined to others, as `parse_rows` reads them."""

import bz2
import gzip
import lzma

import pytest

from modules.sessions.click_header import Columns
from modules.sessions.click_log import parse_rows
from modules.sessions.concatenated import MOST_ROWS_A_LINE, JoinedFilesError

NAMED = Columns("\t", 3, 0, 1, 2, "csv", (b"session", b"item", b"time"))


PLAIN = b"s1\ti1\t1442004589439\ns2\ti2\t1442004589440\n"


def refused(text: bytes, columns: Columns = NAMED) -> str:
    with pytest.raises(JoinedFilesError) as caught:
        parse_rows(text, 100, columns)
    return caught.value.of("a.tsv")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"s%d\ti\t5", "field_count"),
        (b"s%d\ti\t5\tmore", "field_count"),
        (b"s%d\ti", "field_count"),
        (b's%d\t"i"\t5', "quotes"),
        (b"s%d\t\xff\t5", "encoding"),
    ],
)
@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\r\n", b""])
def test_rows_between_carriage_returns_are_counted_each(row, reason, end):
    tail = b"\r".join(row % number for number in range(9)) + end
    rows = parse_rows(PLAIN + tail, 100, NAMED)
    assert rows.session_ids == [b"s1", b"s2"]
    assert [(why, line) for why, _, line in rows.rejects] == [
        (reason, row % number) for number in range(9)
    ]
    assert all((PLAIN + tail)[at - 100 :].startswith(line) for _, at, line in rows.rejects)


def test_a_row_with_carriage_returns_in_a_text_is_one():
    bad = b"s\ti\t5\ta\rb\rc\rd\re"
    assert parse_rows(bad, 0, NAMED).rejects == [("field_count", 0, bad)]
    assert parse_rows(bad, 0, NAMED._replace(width=4)).rejects == []


def test_many_rows_between_carriage_returns_are_a_file_of_an_old_mac():
    rows = b"s\ti\t5\r" * MOST_ROWS_A_LINE
    assert len(parse_rows(PLAIN + rows, 0, NAMED).rejects) == MOST_ROWS_A_LINE
    message = refused(PLAIN + rows + rows)
    assert message.startswith("a.tsv has lines that end in a carriage return alone, as on old Macs")
    assert f"from byte {100 + len(PLAIN)} on" in message
    assert message.endswith("tr '\\r' '\\n' < FILE > NEW.")


@pytest.mark.parametrize(
    ("pack", "codec"), [(gzip, "gzip"), (bz2, "bz2"), (lzma, "xz")], ids=["gzip", "bz2", "xz"]
)
@pytest.mark.parametrize("plain", [PLAIN, PLAIN[:-1]])
def test_a_compressed_file_after_text_is_refused(pack, codec, plain):
    message = refused(plain + pack.compress(PLAIN))
    assert f"a.tsv is text, but has a part compressed with {codec} at byte" in message
    assert f"at byte {100 + len(plain)}: unpack" in message


def test_text_in_another_encoding_is_not_a_compressed_part():
    text = PLAIN + "s\tcaf\xe9 (\xb5/\t5\n".encode("latin-1") + b"\x1f\x8b\n"
    assert [reason for reason, *_ in parse_rows(text, 0, NAMED).rejects] == ["encoding"] * 2


@pytest.mark.parametrize("header", [b"session\titem\ttime", b"\xef\xbb\xbfsession\t item\ttime\r"])
def test_a_repeated_header_is_skipped(header):
    rows = parse_rows(PLAIN + header + b"\n" + PLAIN, 0, NAMED)
    assert rows.session_ids == [b"s1", b"s2"] * 2
    assert rows.rejects == []


def test_a_repeated_header_after_a_row_without_line_end_spoils_only_that_row():
    rows = parse_rows(PLAIN + b"s\ti\t5session\titem\ttime\n" + PLAIN, 0, NAMED)
    assert rows.session_ids == [b"s1", b"s2"] * 2
    assert [reason for reason, *_ in rows.rejects] == ["field_count"]


@pytest.mark.parametrize(
    "header",
    [
        b"item\tsession\ttime",
        b"time\tsession\titem",
        b"session\titem\tprice\ttime",
        b"s\ti\t5item\tsession\ttime",
        b"s\ti\t5price\tsession\titem\ttime",
    ],
)
def test_a_second_header_with_other_positions_is_refused(header):
    message = refused(PLAIN + header + b"\ni\ts\t5\n")
    assert f"a.tsv has a second header at byte {100 + len(PLAIN)} with columns" in message


def test_a_second_header_in_csv_may_be_quoted_and_lack_a_name():
    csv = NAMED._replace(delimiter=",", width=4)
    assert parse_rows(b'"session",item,"time",x\n', 0, csv).rejects == []
    assert "second header" in refused(b",session,item,time\n", csv)


def test_a_bad_row_with_the_names_is_rejected():
    rejects = parse_rows(b"time\titem\tsession of mine", 0, NAMED).rejects
    assert [reason for reason, *_ in rejects] == ["time"]


def test_a_second_header_with_event_types_elsewhere_stops_the_run():
    columns = Columns("\t", 4, 0, 1, 2, "csv", (b"visitor", b"item", b"time", b"event"), 3)
    row = b"v1\ti1\t1442004589439\tview\n"
    same = row + b"visitor\titem\ttime\tevent\n" + row
    rows = parse_rows(same, 100, columns)
    assert (rows.types, rows.rejects) == ([b"view"] * 2, [])
    assert "second header" in refused(row + b"event\tvisitor\titem\ttime\n" + row, columns)
