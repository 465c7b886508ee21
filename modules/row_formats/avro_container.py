"""Avro's container files: header, blocks between sync markers, and their compression."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import fastavro

from modules.row_formats.parts import DamagedTableError

MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_SCAN_BYTES = 1 << 20
_LONGEST_VARINT = 10
_USUAL_HEADER, _LONGEST_HEADER = 1 << 16, 16 << 20
# Snappy copies at most 64 bytes for 3: a block cannot claim more.
_SNAPPY_RATIO = 64
# What a damaged block makes of fastavro: it does not check what it reads.
DECODING_ERRORS = (
    *(EOFError, ValueError, IndexError, KeyError, TypeError, StopIteration, OverflowError),
    *(MemoryError, ArithmeticError, AttributeError, RecursionError, AssertionError),
)
_HEADER = {
    "type": "record",
    "name": "org.apache.avro.file.Header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": 4}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": 16}},
    ],
}


class Header(NamedTuple):
    """The beginning of a file: `length` is its own, in bytes."""

    schema: Any
    codec: str
    sync: bytes
    length: int


class Block(NamedTuple):
    """A block of a file, unpacked; it lies at byte `offset` and has `length` bytes there."""

    offset: int
    length: int
    records: int
    data: bytes


def read_header(file: IO[bytes]) -> Header:
    """Reads the header at the beginning of a file.

    Raises:
      DamagedTableError: it is damaged.
    """
    content = file.read(_USUAL_HEADER)
    try:
        return _parse_header(content)
    except DamagedTableError:
        content += file.read(_LONGEST_HEADER)
        return _parse_header(content)


def _parse_header(content: bytes) -> Header:
    start = io.BytesIO(content)
    try:
        header: Any = fastavro.schemaless_reader(start, _HEADER, None)
        schema = json.loads(header["meta"]["avro.schema"])
        codec = header["meta"].get("avro.codec", b"null").decode()
    except DECODING_ERRORS as error:
        raise DamagedTableError(f"its header cannot be read ({_words(error)})") from error
    return Header(schema, codec, header["sync"], start.tell())


def read_blocks(file: IO[bytes], header: Header, start: int, end: int) -> Iterator[Block]:
    """Yields the blocks that begin in [start, end), which others find as well from their own range.

    Raises:
      DamagedTableError: a block is damaged, cut, or followed by what is none.
    """
    offset = _first_block(file, header, start)
    while offset is not None and offset < end:
        file.seek(offset)
        head = file.read(2 * _LONGEST_VARINT)
        if not head:
            return
        records, at = _varint(head, 0, offset)
        size, at = _varint(head, at, offset)
        if records < 0 or size < 0:
            joined = ": another file was joined to it" if head.startswith(MAGIC) else ""
            raise DamagedTableError(f"there is no block at byte {offset}{joined}")
        file.seek(offset + at)
        packed = _read(file, size, offset)
        if _read(file, _SYNC_BYTES, offset) != header.sync:
            raise DamagedTableError(f"the block at byte {offset} does not end where it says")
        length = at + size + _SYNC_BYTES
        yield Block(offset, length, records, _unpack(packed, header.codec, offset))
        offset += length


def _first_block(file: IO[bytes], header: Header, start: int) -> int | None:
    """Returns the offset of the first block that begins at `start` or later."""
    if start <= header.length:
        return header.length
    at = max(start - _SYNC_BYTES, header.length)
    file.seek(at)
    text = b""
    while block := file.read(_SCAN_BYTES):
        text += block
        found = text.find(header.sync)
        if found >= 0:
            return at + found + _SYNC_BYTES
        at += max(0, len(text) - _SYNC_BYTES)
        text = text[-_SYNC_BYTES:]
    return None


def _read(file: IO[bytes], size: int, offset: int) -> bytes:
    parts = []
    while size > 0:  # in steps, since a damaged size may be any number
        part = file.read(min(size, _SCAN_BYTES))
        if not part:
            raise DamagedTableError(f"it ends inside the block at byte {offset}")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _varint(data: bytes, at: int, offset: int) -> tuple[int, int]:
    """Returns a number in zigzag coding and its end."""
    number = shift = 0
    for byte in data[at : at + _LONGEST_VARINT]:
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    raise DamagedTableError(f"it ends inside the block at byte {offset}")


def _unpack(data: bytes, codec: str, offset: int) -> bytes:
    try:
        return _UNPACKERS[codec](data)
    except KeyError:
        raise DamagedTableError(
            f"its codec {codec!r} is not one of {', '.join(_UNPACKERS)}; write it with one of them"
        ) from None
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DamagedTableError(
            f"the block at byte {offset} cannot be unpacked ({_words(error)})"
        ) from error


def _inflate(data: bytes) -> bytes:
    whole = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = whole.decompress(data)
    if not whole.eof:
        raise ValueError("it is cut")
    return unpacked


def _unpack_snappy(data: bytes) -> bytes:
    import pyarrow as pa  # slow to import, and few files need it

    packed, checksum = data[:-4], data[-4:]
    length = shift = 0
    for byte in packed[:5]:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if length > _SNAPPY_RATIO * len(packed):
        raise ValueError(f"it claims {length:,} bytes")
    unpacked: bytes = pa.decompress(packed, length, "snappy", asbytes=True)
    if zlib.crc32(unpacked) != int.from_bytes(checksum, "big"):
        raise ValueError("its checksum differs")
    return unpacked


def _unpack_zstd(data: bytes) -> bytes:
    import pyarrow as pa  # slow to import, and few files need it

    stream = pa.CompressedInputStream(pa.BufferReader(data), "zstd")
    unpacked: bytes = stream.read()
    return unpacked


_UNPACKERS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _inflate,
    "snappy": _unpack_snappy,
    "zstandard": _unpack_zstd,
    "bzip2": bz2.decompress,
    "xz": lzma.decompress,
}


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
