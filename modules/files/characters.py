"""Byte-order marks and blanks around texts."""

from __future__ import annotations

from collections.abc import Iterable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANKS = " \t\n\r\v\f"  # what bytes.strip() removes
BLANKS += "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
BLANKS += "".join(map(chr, range(0x2000, 0x200B)))
# Every blank beyond ASCII has one of these.
_BLANK_BYTES = (
    *(b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81\x9f", b"\xe3\x80\x80"),
    BYTE_ORDER_MARK,
)


def without_marks(line: bytes) -> bytes:
    """Returns a line without leading byte-order marks."""
    while line.startswith(BYTE_ORDER_MARK):
        line = line.removeprefix(BYTE_ORDER_MARK)
    return line


def may_have_blank_beyond_ascii(text: bytes) -> bool:
    """Returns whether `bytes.strip` may miss a blank of the text, such as a no-break space."""
    return not text.isascii() and holds_any(text, _BLANK_BYTES)


def holds_any(text: bytes, parts: Iterable[bytes]) -> bool:
    """Returns whether a long text holds one of some rare parts.

    Searching for their first bytes first is ten times as fast where these are rare as well.
    """
    return any(part[:1] in text and part in text for part in parts)


def strip_blanks(field: bytes) -> bytes:
    """Returns a UTF-8 field without the blanks around it."""
    return field.decode().strip(BLANKS).encode()


def is_not_utf8(text: bytes) -> bool:
    """Returns whether a text is not valid UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return True
    return False
