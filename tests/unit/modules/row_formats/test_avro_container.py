"""Avro's blocks: found from any place in a file, and checked."""

import io
import zlib

import fastavro
import pyarrow as pa
import pytest

from modules.row_formats.avro_container import read_blocks, read_header
from modules.row_formats.parts import DamagedTableError
from tests import log_formats

ROWS = [(number, f"item {number}", 1442004589439 + number) for number in range(300)]
CONTENT = log_formats.avro(ROWS)


def blocks_of(content, start=0, end=1 << 40):
    file = io.BytesIO(content)
    header = read_header(file)
    return [*read_blocks(file, header, start, end)]


def test_blocks_are_those_that_fastavro_finds():
    expected = [*fastavro.block_reader(io.BytesIO(CONTENT))]
    found = blocks_of(CONTENT)
    assert [(block.offset, block.length, block.records) for block in found] == [
        (block.offset, block.size, block.num_records) for block in expected
    ]
    assert len(found) > 5
    header = read_header(io.BytesIO(CONTENT))
    assert (header.codec, header.length) == ("deflate", found[0].offset)


@pytest.mark.parametrize("size", [1, 17, 300, 1000, 10**6])
def test_each_block_is_in_one_range(size):
    offsets = [
        block.offset
        for start in range(0, len(CONTENT), size if size > 1 else 7)
        for block in blocks_of(CONTENT, start, start + (size if size > 1 else 7))
    ]
    assert offsets == [block.offset for block in blocks_of(CONTENT)]


def snappy(data):
    packed = pa.compress(data, "snappy", asbytes=True)
    return packed + zlib.crc32(data).to_bytes(4, "big")


def repacked(pack, codec):
    """The file with its blocks compressed by a codec that fastavro needs a package for."""
    file = io.BytesIO(log_formats.avro(ROWS, "null"))
    header = read_header(file)
    blocks = [*read_blocks(file, header, 0, 1 << 40)]
    codec = codec.encode()
    old, new = b"\x14avro.codec\x08null", b"\x14avro.codec" + bytes([2 * len(codec)]) + codec
    start = file.getvalue()[: header.length]
    assert old in start
    content = start.replace(old, new)
    for block in blocks:
        packed = pack(block.data)
        content += _long(block.records) + _long(len(packed)) + packed + header.sync
    return content


def _long(number):
    number, coded = number << 1, b""
    while number > 127:
        number, coded = number >> 7, coded + bytes([number & 127 | 128])
    return coded + bytes([number])


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy", "zstandard"])
def test_every_codec_is_read(codec):
    packers = {"snappy": snappy, "zstandard": lambda data: log_formats.zstd(data)}
    if codec in packers:
        content = repacked(packers[codec], codec)
    else:
        content = log_formats.avro(ROWS, codec)
    plain = blocks_of(log_formats.avro(ROWS, "null"))
    assert b"".join(block.data for block in blocks_of(content)) == b"".join(
        block.data for block in plain
    )


def test_a_damaged_snappy_block_is_refused():
    content = repacked(snappy, "snappy")
    first = blocks_of(content)[0]
    inside = first.offset + 40
    for damaged, message in (
        (content[:inside] + bytes([content[inside] ^ 1]) + content[inside + 1 :], "cannot be unpa"),
        (content[: first.offset + 3] + b"\xff\xff\xff\x7f" + content[first.offset + 7 :], "claims"),
    ):
        with pytest.raises(DamagedTableError, match=message):
            blocks_of(damaged)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:40], "its header cannot be read"),
        (lambda content: content[:-1], "ends inside the block at byte"),
        (lambda content: content[:-17], "ends inside the block at byte"),
        (lambda content: content + b"\0\0\0\0", "ends inside the block|does not end where"),
        (lambda content: content + content, "there is no block at byte .* another file was joined"),
        (lambda content: content.replace(b"deflate", b"deflane"), "its codec 'deflane' is not one"),
        (lambda content: content[:-16] + b"x" * 16, "does not end where it says"),
    ],
)
def test_damage_is_named(damage, message):
    with pytest.raises(DamagedTableError, match=message):
        blocks_of(damage(CONTENT))


def test_a_long_header_is_read():
    schema = {**log_formats.AVRO, "doc": "x" * 200_000}
    content = log_formats.avro_bytes(schema, [{"Title": "", "Time": 5}])
    assert read_header(io.BytesIO(content)).length > 200_000
