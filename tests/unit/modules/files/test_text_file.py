"""Lists and YAML files as users hand them to us."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from modules.files.text_file import TextFileError, read_ids, read_text

IDS = ["1", "größe", "red shoe"]
TEXT = "\n".join(IDS) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.rstrip("\n").encode(),
        TEXT.encode("utf-8-sig"),
        b"\xef\xbb\xbf1\n" + TEXT.encode("utf-8-sig"),  # joined lists
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", " \n\n\u00a0 ").encode(),
        b"".join(b'"%s"\n' % item_id.encode() for item_id in IDS),
        gzip.compress(TEXT.encode(), mtime=0),
        bz2.compress(TEXT.encode()),
        lzma.compress(TEXT.encode("utf-8-sig")),
    ],
    ids=range(12),
)
def test_a_list_is_read_whatever_its_encoding_and_line_ends(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "items.txt").write_bytes(content)
    assert list(read_ids(tmp_path / "items.txt")) == [item_id.encode() for item_id in IDS]


def test_quotes_around_some_ids_are_ordinary_characters(tmp_path: Path) -> None:
    (tmp_path / "items.txt").write_text('"Heroes"\nLow\n')
    assert list(read_ids(tmp_path / "items.txt")) == [b'"Heroes"', b"Low"]


@pytest.mark.parametrize(
    ("lines", "known", "ids"),
    [
        ('"a"\n"b"\n', [b'"a"'], [b'"a"', b'"b"']),  # of a log with sessions.quoting=none
        ('"a"\n"b"\n', [b"a", b"b"], [b"a", b"b"]),
        ('"a"\n"b"\n', [], [b"a", b"b"]),
        ('" i2 "\n"\u00a0i3"\n', [b"i2"], [b"i2", b"i3"]),
        ('"a"\n""\n" "\n', [], [b"a"]),
        ('"say ""a"""\n', [b'say "a"'], [b'say "a"']),
        ('"\n', [], [b'"']),
    ],
)
def test_quotes_of_a_list_are_read_as_those_of_the_log(
    tmp_path: Path, lines: str, known: list[bytes], ids: list[bytes]
) -> None:
    (tmp_path / "items.txt").write_text(lines, encoding="utf-8")
    assert list(read_ids(tmp_path / "items.txt", frozenset(known))) == ids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.encode("utf-16"), "is UTF-16 text: write it as UTF-8"),
        (TEXT.encode("utf-16-le"), "is UTF-16 text without a byte-order mark"),
        (TEXT.encode("latin-1"), "is not UTF-8 text: .*iconv -f LATIN1"),
        (b"1\n" * 5000 + b"\0\n", "is not text: byte 10000 is 0"),
        (b"1\n\0\n", "is not text: byte 2 is 0"),
        (b"%PDF-1.4\n%\xe2\xe3", "is a PDF document"),
        (b"PK\x03\x04\x14\0", "is a ZIP archive or an Excel workbook"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (
            gzip.compress(TEXT.encode(), mtime=0)[:-9],
            "is damaged, it cannot be unpacked to its end",
        ),
    ],
)
def test_a_file_that_is_not_a_list_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "items.txt").write_bytes(content)
    with pytest.raises(TextFileError, match=message):
        read_ids(tmp_path / "items.txt")


def test_an_empty_list_has_no_ids(tmp_path: Path) -> None:
    (tmp_path / "items.txt").write_bytes(b"\xef\xbb\xbf")
    assert read_text(tmp_path / "items.txt") == ""
    assert read_ids(tmp_path / "items.txt") == {}
