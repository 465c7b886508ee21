"""Parts of files of lines: ranges of bytes, or the whole of a compressed file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from modules.row_formats.parts import PIECE_BYTES, open_text


def ranges(
    first_row: int, length: int, codec: str, piece_bytes: int = PIECE_BYTES
) -> Iterator[tuple[int, int]]:
    """Yields [start, end) of the parts of a file; a compressed one cannot be cut."""
    step = max(length, 1) if codec else piece_bytes
    starts = range(first_row, max(length, first_row + 1), step)
    for start in starts[:1] if codec else starts:
        yield start, start + step


def read_lines(
    path: str, codec: str, start: int, end: int, block_bytes: int = PIECE_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yields (offset, whole lines) of the lines that begin in [start, end).

    A compressed file is read to its end, block by block.
    """
    with open_text(path, codec) as text:
        if codec:
            yield from _read_blocks(text, start, block_bytes)
        else:
            yield from _read_range(text, start, end)


def _read_blocks(text: IO[bytes], offset: int, block_bytes: int) -> Iterator[tuple[int, bytes]]:
    text.read(offset)  # the header
    while block := text.read(block_bytes):
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
