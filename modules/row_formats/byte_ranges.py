"""Parts of files of lines: ranges of bytes of their text, whether compressed or not."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator
from typing import IO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from modules.files.compression import BrokenFileError, open_unpacked
from modules.row_formats.parts import PACKED_RATIO, PIECE_BYTES, open_text

# Unpacked so much faster than rows are read that each worker can unpack what lies before its part.
_FAST_CODECS = ("gzip", "zstd")
_MOST_PARTS = 8
_SAMPLE_BYTES, _SAMPLE_TEXT = 1 << 20, 16 << 20
_SKIPPED_BYTES = 1 << 20


def most_parts(codec: str) -> int:
    """Returns how many workers can read a compressed file at once."""
    return _MOST_PARTS if codec in _FAST_CODECS else 1


def text_ratio(path: str, codec: str) -> float:
    """Returns how many bytes of text there are for one of a file, by the text's beginning.

    Of a file that is not cut it is a guess.
    """
    if codec not in _FAST_CODECS:
        return PACKED_RATIO if codec else 1.0
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        packed = io.BytesIO(raw.read(_SAMPLE_BYTES))
    text = used = 0
    try:
        unpacked = open_unpacked(packed, codec)
        while text < _SAMPLE_TEXT and (block := unpacked.read1(_SKIPPED_BYTES)):
            text, used = text + len(block), packed.tell()
    except BrokenFileError:
        pass  # The sample ends in the middle, or what reads the file says that it is damaged.
    return max(text, 1) / max(used, 1)


def ranges(
    first_row: int, length: int, codec: str, piece_bytes: int = PIECE_BYTES, ratio: float = 1.0
) -> Iterator[tuple[int, int]]:
    """Yields [start, end) of the parts of a file, in bytes of its text.

    Args:
      first_row: where the first row begins.
      length: length of the file in bytes.
      codec: its compression, "" for none.
      piece_bytes: length of a part, about; of a compressed file at least.
      ratio: bytes of text for one of the file. It is an estimate, so the last part of a compressed
        file is open.
    """
    text = max(length, 1) * ratio - first_row
    if not codec:
        for start in range(first_row, max(length, first_row + 1), piece_bytes):
            yield start, start + piece_bytes
        return
    parts = min(most_parts(codec), max(1, int(text // piece_bytes)))
    step = math.ceil(text / parts)
    for part in range(parts):
        start = first_row + part * step
        yield start, start + step if part + 1 < parts else sys.maxsize


def read_lines(
    path: str, codec: str, start: int, end: int, block_bytes: int = PIECE_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yields (offset, whole lines) of the lines that begin in [start, end) of a file's text.

    A compressed file is unpacked from its beginning, and read block by block.
    """
    with open_text(path, codec) as text:
        if codec:
            yield from _read_blocks(text, start, end, block_bytes)
        else:
            yield from _read_range(text, start, end)


def _read_blocks(
    text: IO[bytes], start: int, end: int, block_bytes: int
) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < start - 1:
        skipped = len(text.read(min(_SKIPPED_BYTES, start - 1 - offset)))
        if not skipped:
            return
        offset += skipped
    if start:  # The byte before may end a line: then a row begins at `start`.
        offset += len(text.readline())
    while offset < end and (block := text.read(min(block_bytes, end - offset))):
        if not block.endswith(b"\n"):
            block += text.readline()
        yield offset, block
        offset += len(block)


def _read_range(text: IO[bytes], start: int, end: int) -> Iterator[tuple[int, bytes]]:
    before = min(start, 1)
    text.seek(start - before)  # the byte before may end a line: then a row begins at `start`
    block = text.read(end - start + before)
    begin = block.find(b"\n") + 1 if before else 0
    if before and (begin == 0 or begin == len(block)):
        return  # a long row that began in an earlier piece
    if not block.endswith(b"\n"):
        block += text.readline()
    yield start - before + begin, block[begin:]
