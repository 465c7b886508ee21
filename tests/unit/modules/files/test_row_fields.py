"""Rows split into fields, with quotes doubled, escaped, blank before, or as ordinary characters.

How whole logs are read is in the tests of `modules.sessions.click_log`.
"""

from __future__ import annotations

import pytest

from modules.files import row_fields
from modules.files.row_fields import LETTERS


@pytest.mark.parametrize(
    ("field", "is_enclosed"),
    [
        (b'"a"', True),
        (b' "a"\t', True),
        ('\u00a0"a"\u3000'.encode(), True),
        (b'""', True),
        (b'"', False),
        (b'"a" b', False),
        (b"a", False),
    ],
)
def test_which_fields_are_quoted(field: bytes, is_enclosed: bool) -> None:
    assert row_fields.is_enclosed(field) is is_enclosed


@pytest.mark.parametrize(
    ("header", "delimiter", "quoting", "found"),
    [
        (b"SessionId\tItemId", "\t", "auto", LETTERS),
        (b'"SessionId"\tItemId', "\t", "auto", "csv"),
        (b"SessionId,ItemId", ",", "auto", "csv"),
        (b'"SessionId"\tItemId', "\t", "none", "none"),
        (b"SessionId\tItemId", "\t", "csv", "csv"),
    ],
)
def test_quotes_follow_csv_except_for_tabs(
    header: bytes, delimiter: str, quoting: str, found: str
) -> None:
    assert row_fields.quoting_of(header, delimiter, quoting) == found


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('a,"b, c",d', ["a", "b, c", "d"]),
        ('a, "say ""hi"""', ["a", 'say "hi"']),
        (r'a,"say \"hi\""', ["a", 'say "hi"']),
        ('a,"b\rc"', ["a", "b\rc"]),
        ('a,"b', []),
        ('a,"b"c', []),
        ("", []),
    ],
)
def test_a_line_of_csv(text: str, fields: list[str]) -> None:
    assert row_fields.csv_fields(text, ",") == fields


@pytest.mark.parametrize(
    ("quoting", "line", "fields"),
    [
        ("csv", b'a,"b,c"', [b"a", b"b,c"]),
        ("csv", b"a,b", [b"a", b"b"]),
        ("csv", b'a,"b', []),
        ("csv", b'a,"b",c', []),
        ("csv", b'\t"a",b', []),  # an id that would keep its quotes
        ("none", b'"a",b', [b'"a"', b"b"]),
        ("none", b'"a,c",b', [b'"a', b'c"', b"b"]),
        (LETTERS, b'a,"b"', [b"a", b'"b"']),  # only the first field is used
        (LETTERS, b'"a",b', []),
    ],
)
def test_a_row_splits_into_as_many_fields_as_the_header_has_or_is_bad(
    quoting: str, line: bytes, fields: list[bytes]
) -> None:
    assert row_fields.row_splitter(",", quoting, 2, [0])(line) == fields


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b'a,"b\nc"\nd,e\n', 2),
        (b'a,"b\n\nx,y\nc"\n', 4),
        (b'a,"b\nc,d\n', 1),  # never closed
        (b'a,"b"x\nc,d\n', 1),
        (b'a,"b\nc",d\ne,f\n', 1),  # closed, but of three fields
        (b'a,"b', 1),
    ],
)
def test_a_bad_row_ends_with_the_line_that_closes_its_quote(text: bytes, lines: int) -> None:
    assert row_fields.lines_of_row(text, 0, ",", 2) == lines
    assert row_fields.lines_of_row(b"x,y\n" + text, 4, ",", 2) == lines
