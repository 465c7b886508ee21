"""Recognizes files that are not UTF-8 text by their first bytes, whatever their name."""

from __future__ import annotations

import re
from typing import NamedTuple

SAMPLE_BYTES = 4096
_TAR_AT = 257
_PACKED = "unpack it first"
_TABLE = "write its rows as CSV or TSV text"
_UTF8 = "write it as UTF-8, for example with: iconv -f {} -t UTF-8 FILE > NEW"
WRITE_AS_UTF8 = _UTF8.format("LATIN1")
USE_LINE_FEEDS = "write line feeds for them, for example with: tr '\\r' '\\n' < FILE > NEW"


class _Kind(NamedTuple):
    name: str
    how_to_fix: str


# Compression that is supported.
_CODECS = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x5d\0\0", "xz"),  # .lzma
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
# Magic numbers long enough to be recognized inside a text.
_PACKED_PART = re.compile(rb"\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd")
_TABLE_FILES = (
    (b"Obj\x01", "an Avro file"),
    (b"SEQ\x06", "a Hadoop sequence file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"FEA1\0", "a Feather file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"\x89HDF\r\n", "an HDF5 file"),
)
_KINDS = (
    (b"\xff\xfe\0\0", _Kind("UTF-32 text", _UTF8.format("UTF-32"))),
    (b"\0\0\xfe\xff", _Kind("UTF-32 text", _UTF8.format("UTF-32"))),
    (b"\xff\xfe", _Kind("UTF-16 text", _UTF8.format("UTF-16"))),
    (b"\xfe\xff", _Kind("UTF-16 text", _UTF8.format("UTF-16"))),
    (b"PK\x03\x04", _Kind("a ZIP archive or an Excel workbook", f"{_PACKED}, or save it as CSV")),
    (b"PK\x05\x06", _Kind("an empty ZIP archive", "write it again")),
    (b"\xd0\xcf\x11\xe0", _Kind("an old Excel workbook", "save it as CSV")),
    (b"\x1f\x9d", _Kind("compressed with `compress`", "unpack it with: uncompress FILE")),
    (b"\x04\x22\x4d\x18", _Kind("compressed with LZ4", "unpack it with: lz4 -d FILE")),
    (b"\xff\x06\0\0sNaPpY", _Kind("compressed with Snappy", _PACKED)),
    (b"7z\xbc\xaf\x27\x1c", _Kind("a 7-Zip archive", _PACKED)),
    (b"Rar!\x1a\x07", _Kind("a RAR archive", _PACKED)),
    *((magic, _Kind(name, _TABLE)) for magic, name in _TABLE_FILES),
    *((bytes([0x80, version]), _Kind("a pickle of Python", _TABLE)) for version in range(2, 6)),
    (b"\0\x05\x16\x07", _Kind("what macOS keeps beside a file (AppleDouble)", "remove it")),
    (
        b"version https://git-lfs",
        _Kind("Git LFS's pointer to a file", "fetch the file with: git lfs pull"),
    ),
)
# Could also begin a text: accepted only if a byte follows that no text holds.
_BINARY_KINDS = (
    (b"PAR1", _Kind("a Parquet file", _TABLE)),
    (b"ORC", _Kind("an ORC file", _TABLE)),
)


def table_of(sample: bytes) -> str:
    """Returns `a Parquet` or `an Avro` for the first bytes of such a file, else ""."""
    if sample.startswith(b"Obj\x01"):
        return "an Avro"
    kind = next((kind for magic, kind in _BINARY_KINDS if _is_binary_kind(sample, magic)), None)
    return "a Parquet" if kind and kind.name == "a Parquet file" else ""


def codec_of(sample: bytes) -> str:
    """Returns the supported compression of a file that begins with `sample`, "" for none."""
    if sample.startswith(b"BZh") and sample[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bz2"
    return next((codec for magic, codec in _CODECS if sample.startswith(magic)), "")


def packed_part(text: bytes) -> tuple[int, str] | None:
    """Returns offset and codec of a compressed part in a text that is not valid UTF-8.

    .lzma is not searched for: text could hold its short magic number.
    """
    found = _PACKED_PART.search(text)
    return (found.start(), codec_of(found[0])) if found else None


def what_is_wrong(sample: bytes) -> str | None:
    """Returns why a file with these first bytes is not UTF-8 text, and how to fix it; or None."""
    kind = _kind_of(sample)
    return f"is {kind.name}: {kind.how_to_fix}" if kind else None


def holds_nul(content: bytes) -> str:
    """Returns where a content holds a zero byte, as no text does; "" if it does not."""
    return f"not text: byte {content.index(0)} is 0" if b"\0" in content else ""


def is_binary(line: bytes) -> bool:
    """Returns whether a line is binary: has control characters that do not separate fields."""
    return any(byte < 32 and byte not in b"\t\v\f\r\x1c\x1d\x1e\x1f\x01" for byte in line)


def _kind_of(sample: bytes) -> _Kind | None:
    for magic, kind in _KINDS:
        if sample.startswith(magic):
            return kind
    if codec_of(sample):
        return _Kind(f"compressed twice (with {codec_of(sample)} inside)", "unpack it once")
    if sample[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return _Kind("a tar archive", "unpack it with: tar -xf FILE")
    for magic, kind in _BINARY_KINDS:
        if _is_binary_kind(sample, magic):
            return kind
    return _kind_with_nul(sample)


def _is_binary_kind(sample: bytes, magic: bytes) -> bool:
    return sample.startswith(magic) and any(byte < 9 or 13 < byte < 32 for byte in sample[:16])


def _kind_with_nul(sample: bytes) -> _Kind | None:
    name = holds_nul(sample)
    if not name:
        return None
    ends = sample[0:64:2], sample[1:64:2]
    for order, nul, text in (("LE", ends[1], ends[0]), ("BE", ends[0], ends[1])):
        if nul and not nul.strip(b"\0") and b"\0" not in text:
            return _Kind("UTF-16 text without a byte-order mark", _UTF8.format(f"UTF-16{order}"))
    return _Kind(name, "write its rows as UTF-8 text")
