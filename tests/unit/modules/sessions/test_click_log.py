"""Rows, ids and times of a click log."""

import bisect
import itertools
import random

import pytest

from modules.files.characters import strip_blanks
from modules.sessions.click_header import Columns
from modules.sessions.click_log import parse_rows
from modules.sessions.item_ids import vocabulary_holds
from modules.sessions.row_checks import REJECT_REASONS

COLUMNS = Columns("\t", 3, 0, 1, 2, "csv")


def test_rows_keep_their_offsets_and_windows_ends_and_blank_lines_do_not_matter():
    text = b"s1\ti1\t1442004589439\r\n\r\n\ns2\ti2\t1442004589440"
    rows = parse_rows(text, 100, COLUMNS)
    assert rows.session_ids == [b"s1", b"s2"]
    assert rows.item_ids == [b"i1", b"i2"]
    assert rows.times == [1442004589439, 1442004589440]
    assert rows.offsets == [100, 100 + text.index(b"s2")]
    assert rows.rejects == []


def test_bad_rows_have_reason_offset_and_text():
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
    rows = parse_rows(text, 0, Columns(",", 3, 0, 1, 2, "csv"))
    assert (rows.session_ids, rows.item_ids) == ([b"s,1"], [b'say "hi"'])
    assert rows.rejects == [("quotes", text.index(b"s2"), b's2,"open,6')]


ROW = b"s\ti\t1442004589439"
READ = (b"s", b"i", 1442004589439)


def read_one(line: bytes, columns: Columns = COLUMNS) -> tuple[bytes, bytes, int] | str:
    """What becomes of a row among others: its event, or the reason why it is rejected."""
    plain = columns.delimiter.encode().join([b"a", b"b", b"5", b"", b""][: columns.width])
    rows = parse_rows(b"\n".join([plain, line, plain]), 0, columns, "milliseconds")
    assert len(rows.times) + len(rows.rejects) == 3
    if rows.rejects:
        ((reason, offset, _),) = rows.rejects
        assert offset == len(plain) + 1
        return reason
    return rows.session_ids[1], rows.item_ids[1], rows.times[1]


@pytest.mark.parametrize(
    "line",
    [
        ROW + b"\r\r",  # a text-mode writer on Windows
        ROW + b"\r\r\r",
        b"\r" + ROW,
        b"\xef\xbb\xbf" + ROW,  # files that `cat` joined
        b"\xef\xbb\xbf\xef\xbb\xbf" + ROW,
        b" s\ti  \t 1442004589439 ",
        b"s\t\x0bi\x0c\t1442004589439",
        "\u00a0s\t\u3000i\u2003\t1442004589439".encode(),
        "s\u2028\ti\x85\t1442004589439".encode(),
        "s\ti\t\u00a01442004589439\u3000".encode(),
    ],
    ids=repr,
)
def test_blanks_around_ids_are_not_part_of_them(line):
    assert read_one(line) == READ


def test_blanks_inside_an_id_stay():
    assert read_one("a b\té\u00a0c\t5".encode()) == (b"a b", "é\u00a0c".encode(), 5)


@pytest.mark.parametrize(
    "line",
    [
        b"s\t[PAD]\t5",
        b"s\t [UNK] \t5",
        b"s\ta__SPACE__b\t5",
        b"s\t__SPACE _\t5",
        b"s\ta\rb\t5",
        b"a\rs\ti\t5",
    ],
    ids=repr,
)
def test_ids_that_the_vocabulary_cannot_store_are_rejected(line):
    assert read_one(line) == "unusable_id"


@pytest.mark.parametrize(
    "item", [b"[pad]", b"SPACE", b"_SPACE_", b"[UNK]2", b"a\x0bb", b"\xc2\x80x"]
)
def test_other_ids_are_kept(item):
    assert read_one(b"[PAD]\t" + item + b"\t5") == (b"[PAD]", item, 5)


def test_an_id_of_a_blank_beyond_ascii_is_empty():
    assert read_one("s\t\u00a0\t5".encode()) == "empty_id"


@pytest.mark.parametrize("quoting", ["csv", "none", "letters"])
@pytest.mark.parametrize("delimiter", ["\t", ",", " ", "|", "\\"])
def test_the_vocabulary_stores_every_accepted_id_and_every_row_is_counted(delimiter, quoting):
    draw = random.Random(f"{delimiter}{quoting}")
    parts = [b"a", b"7", b" ", b"\r", b"\0", b'"', b'""', b'\\"', b"\xff", b"\xc2\xa0", b"\xc3\xa9"]
    parts += [b"__SPACE__", b"SPACE__", b"__", b"[PAD]", b"[UNK]", b"\xef\xbb\xbf", b"\xe3\x80\x80"]
    columns = Columns(delimiter, 3, 0, 1, 2, quoting)

    def field() -> bytes:
        return b"".join(draw.choices(parts, k=draw.randrange(4)))

    lines = [delimiter.encode().join([field(), field(), b"5"]) for _ in range(4000)]
    rows = parse_rows(b"\n".join(lines), 0, columns)
    ends = list(itertools.accumulate(len(line) + 1 for line in lines))
    filled = [number for number, line in enumerate(lines) if line.strip(b"\r")]
    read = [bisect.bisect_right(ends, offset) for offset in rows.offsets]
    rejected = {bisect.bisect_right(ends, offset) for _, offset, _ in rows.rejects}
    assert sorted([*read, *rejected]) == filled
    assert len(rows.times) > 200
    assert all(map(vocabulary_holds, rows.item_ids))
    for value in rows.session_ids + rows.item_ids:
        assert strip_blanks(value) == value != b""
        assert not set(value) & {0, 10, 13}


@pytest.mark.parametrize("line", [b"s\ti\0\t5", b"s\ti\t5\0", b'"s\0"\t"i"\t5'])
def test_a_zero_byte_is_not_text(line):
    assert read_one(line) == "encoding"


LETTERS = COLUMNS._replace(width=4, quoting="letters")
WITHOUT = COLUMNS._replace(width=4, quoting="none")
CSV = Columns(",", 4, 0, 1, 2, "csv")


@pytest.mark.parametrize(
    "title", [b'"Weird Al" Yankovic', b'"12 inch', b'12"', b'"Heroes"', b'"', b'say \\"hi\\"']
)
@pytest.mark.parametrize("columns", [LETTERS, WITHOUT])
def test_quotes_of_a_tsv_are_ordinary_characters(title, columns):
    assert read_one(ROW + b"\t" + title, columns) == READ


@pytest.mark.parametrize(
    "line",
    [
        b'"s"\ti\t5\tx',
        b's\t"i"\t5\tx',
        b's\t "i" \t5\tx',
        b's\ti\t"5"\tx',
        b's\t"a\tb"\t5\tx',
        b's\ti\t5\t"a\tb"',
        's\t\u00a0"i"\u3000\t5\tx'.encode(),
    ],
)
def test_a_quoted_id_in_a_tsv_is_rejected_by_default(line):
    assert read_one(line, LETTERS) == "quotes"


def test_ids_keep_their_quotes_without_quoting():
    assert read_one(b's\t"i"\t5\tx', WITHOUT) == (b"s", b'"i"', 5)
    assert read_one(b's\t"i\t5\tx', LETTERS) == (b"s", b'"i', 5)
    assert read_one(b's\t"a\tb"\t5', WITHOUT) == "time"


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b's,"i",5,"say \\"hi\\", ok"', b"i"),
        (b's,"say \\"hi\\", ok",5,x', b'say "hi", ok'),
        (b's,"hi \\"",5,"x"', b'hi "'),
        (b's,"C:\\",5,x', b"C:\\"),
        (b's,"i",5,"%s"' % (b"x" * 200_000), b"i"),
        (b's, "i",5,x', b"i"),
        (b's,  "a, b", "5", "x"', b"a, b"),
        (b's, "say \\"hi\\"", "5",x', b'say "hi"'),
        (b's,"""i""",5,x', b'"i"'),
        (b's,i,5,12" x 5"', b"i"),
        (b's,i,5,x\ry, "z"'.replace(b", ", b" "), b"i"),
        (b's,i,5,"x\ry"', b"i"),
    ],
)
def test_csv_is_read_with_quotes_doubled_or_after_a_backslash(line, item):
    assert read_one(line, CSV) == (b"s", item, 5)


@pytest.mark.parametrize(
    "line",
    [
        b's,i,5,"two',
        b'lines"',
        b's,i,5,"x"y',
        b's,i,5,"x,y',
        b's,i,5,5"',
        b's,i,5,lines"',
        b's,\t"i",5,x',
        's,\u00a0"i",5,x'.encode(),
        b's,i,\t"5",x',
    ],
)
def test_a_row_with_a_quote_that_csv_does_not_know_names_the_quote(line):
    assert read_one(line, CSV) == "quotes"
    assert "sessions.quoting=none" in REJECT_REASONS["quotes"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "parts",
    [
        [b's,i,5,"Pans, pots', b'mugs,cups,1500,spoons"'],
        [b's,i,5,"Pans', b"mugs,cups,1500,spoons", b'pots"'],
        [b's,i,5,"Pans', b"", b"mugs,cups,1500,spoons", b'a ""b"",c,6,d', b'"'],
        [b's,"i', b'a",5,"x', b'y"'],
        [b's,i,5, "Pans \\"a\\"', b"mugs,cups,1500,spoons", b'"'],
        [b's,i,5,"Pans \\"a', b'mugs,cups,1500,spoons\\""'],
    ],
)
def test_a_quoted_line_end_gives_no_further_event(parts, end):
    text = end.join([b"a,b,5,", *parts, b"c,d,6,", b""])
    rows = parse_rows(text, 3, CSV)
    assert rows.session_ids == [b"a", b"c"]
    assert rows.offsets == [3, 3 + text.index(b"c,d")]
    assert [text for _, _, text in rows.rejects] == [part for part in parts if part]
    assert {reason for reason, _, _ in rows.rejects} == {"quotes"}
    assert all(text[offset - 3 :].startswith(line) for _, offset, line in rows.rejects)


def test_a_quote_that_is_never_closed_spoils_only_its_row():
    text = b's,i,5,"two\nt,j,6,x\nu,k,7,5"x\nv,l,8,"x"y\nw,m,9,x\n'
    rows = parse_rows(text, 0, CSV)
    assert rows.session_ids == [b"t", b"w"]
    assert [reason for reason, _, _ in rows.rejects] == ["quotes"] * 3


@pytest.mark.parametrize(
    "blank", [b"   ", b" \r", "\u00a0\u3000".encode(), b"\xef\xbb\xbf ", b"\x0b"]
)
@pytest.mark.parametrize("columns", [COLUMNS, CSV, LETTERS, COLUMNS._replace(delimiter="|")])
def test_a_line_of_blanks_is_skipped(blank, columns):
    rows = parse_rows(b"\n".join([blank, b"", blank]), 0, columns)
    assert (rows.times, rows.rejects) == ([], [])


@pytest.mark.parametrize(
    ("line", "delimiter", "reason"),
    [(b"\t\t", "\t", "empty_id"), (b"  ", " ", "empty_id"), (b"\t", "\t", "field_count")],
)
def test_blanks_that_separate_fields_are_a_row(line, delimiter, reason):
    rows = parse_rows(line, 0, COLUMNS._replace(delimiter=delimiter))
    assert rows.rejects == [(reason, 0, line)]


@pytest.mark.parametrize("line", [b's,a\rb,5,"x"', b's,"a\rb",5,x', b'a\rb,"i",5,"x"'])
def test_a_carriage_return_in_an_id_is_named_also_beside_quotes(line):
    assert read_one(line, CSV) == "unusable_id"


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


EVENTS = Columns(",", 4, 1, 3, 0, "letters", (), 2)


def test_event_types_are_read_without_blanks_around_them():
    rows = parse_rows(b"5,v,view,i\n6,v, cart ,j\n7,v,,k\n", 0, EVENTS, "seconds")
    assert rows.types == [b"view", b"cart", b""]
    assert parse_rows(b"s\ti\t5\n", 0, COLUMNS).types == []


def test_only_events_of_a_kept_type_need_an_item():
    text = b"5,v,search,\n6,v,view,\n7,,search,\n"
    rows = parse_rows(text, 0, EVENTS, "seconds", {b"view"})
    assert (rows.item_ids, rows.types) == ([b""], [b"search"])
    assert [(why, line) for why, _, line in rows.rejects] == [
        ("empty_id", b"6,v,view,"),
        ("empty_id", b"7,,search,"),
    ]
    assert len(parse_rows(text, 0, EVENTS, "seconds").rejects) == 3


def test_a_quoted_event_type_in_a_tsv_is_rejected_by_default():
    columns = Columns("\t", 4, 0, 1, 2, "letters", (), 3)
    assert read_one(b's\ti\t5\t"view"', columns) == "quotes"


def test_rows_of_some_types_stay_parallel_and_keep_the_bad_rows():
    text = b"5,v,view,i\n6,v,cart,j\n7,v,view,\n8,w,view,k\n"
    rows = parse_rows(text, 0, EVENTS, "seconds", {b"view"})
    assert rows.of_types(None) is rows
    assert rows.of_types({b"view"}) == (
        *([b"v", b"w"], [b"i", b"k"], [5000, 8000], [0, text.index(b"8,w")]),
        *(rows.rejects, [b"view"] * 2),
    )
    assert rows.without(frozenset()) is rows
    assert rows.without({b"v", b"nobody"}).session_ids == [
        each for each in rows.session_ids if each != b"v"
    ]
    assert len(rows.rejects) == 1
