"""Blanks and byte-order marks around texts."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from modules.files import characters
from modules.files.characters import BLANKS, BYTE_ORDER_MARK


def test_the_blanks_are_those_of_unicode_without_separators_of_files_and_with_the_mark() -> None:
    spaces = {char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()}
    separators = set("\x1c\x1d\x1e\x1f")  # which may separate fields
    assert set(BLANKS) == spaces - separators | {"\ufeff"}
    assert len(BLANKS) == len(set(BLANKS))


@pytest.mark.parametrize("blank", BLANKS, ids=lambda blank: unicodedata.name(blank, repr(blank)))
def test_every_blank_is_stripped_and_found(blank: str) -> None:
    field = f"{blank}a{blank}b{blank}".encode()
    assert characters.strip_blanks(field) == f"a{blank}b".encode()
    assert characters.may_have_blank_beyond_ascii(field) == (not blank.isascii())


def test_marks_are_removed_from_the_start_alone() -> None:
    assert characters.without_marks(BYTE_ORDER_MARK * 2 + b"a" + BYTE_ORDER_MARK) == (
        b"a" + BYTE_ORDER_MARK
    )
    assert characters.without_marks(b"") == b""


def test_a_text_holds_a_part_only_as_a_whole() -> None:
    assert characters.holds_any(b"xyab", [b"q", b"ab"])
    assert not characters.holds_any(b"xya b", [b"q", b"ab"])
    assert not characters.holds_any(b"ab", [])


@pytest.mark.parametrize(("text", "is_not"), [(b"", False), ("ö".encode(), False), (b"\xf6", True)])
def test_what_is_not_utf8(text: bytes, is_not: bool) -> None:
    assert characters.is_not_utf8(text) is is_not
