"""Finds the input files, reads their headers, and cuts them into pieces for Beam."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2

from modules.config.options.sessions import SessionOptions
from modules.files import patterns
from modules.files.compression import BrokenFileError, open_unpacked
from modules.files.file_systems import FilePatternError
from modules.files.formats import SAMPLE_BYTES, codec_of
from modules.messages.quoting import quote
from modules.sessions.click_header import Columns, check_text, read_header
from modules.sessions.sessions import SessionDataError

PIECE_BYTES = 8 << 20
_HEADER_BYTES = 1 << 20
_PACKED_RATIO = 8  # of click logs, roughly; only used to determine the number of buckets


class InputFile(NamedTuple):
    """An input file; `rank` is its position among the split's files, `codec` may be ""."""

    path: str
    rank: int
    columns: Columns
    first_row: int
    length: int
    codec: str


class InputSplit(NamedTuple):
    """A split of the input with its files: ordered by name, entry by entry."""

    name: str
    files: tuple[InputFile, ...]

    def names(self) -> str:
        """Returns the paths of the files, the first few of many."""
        more = f" and {len(self.files) - 3} more" if len(self.files) > 3 else ""
        return ", ".join(file.path for file in self.files[:3]) + more

    def text_bytes(self) -> int:
        """Estimates the length of the split's uncompressed text."""
        return sum(file.length * (_PACKED_RATIO if file.codec else 1) for file in self.files)


class Piece(NamedTuple):
    """Part of a file: the rows that begin in [start, end)."""

    split: str
    path: str
    rank: int
    columns: Columns
    start: int
    end: int
    codec: str


def find_input(
    input_base: str, input_config: example_gen_pb2.Input, options: SessionOptions
) -> list[InputSplit]:
    """Finds every split's files and reads their headers; entries of one split are joined in order.

    Raises:
      SessionDataError: there is no file, an empty file, or a header without a required column.
    """
    found: dict[str, InputSplit] = {}
    for entry in input_config.splits:
        before = found.get(entry.name)
        rank = len(before.files) if before else 0
        split = _find_split(input_base, entry, options, rank)
        if before:
            split = split._replace(files=before.files + split.files)
        found[entry.name] = split
    return list(found.values())


def _find_split(input_base: str, split: Any, options: SessionOptions, rank: int) -> InputSplit:
    pattern = patterns.join(input_base, split.pattern)
    try:
        paths = patterns.find_files(pattern)
    except FilePatternError as error:
        raise SessionDataError(f"Split {split.name!r}: {error}") from error
    if not paths:
        raise SessionDataError(
            f"Split {split.name!r} has no input file: {pattern} matches "
            f"{patterns.what_is_there(pattern)}. "
            "Name a file, or a pattern of files such as folder/*.tsv."
        )
    files = tuple(_inspect(path, rank, options) for rank, path in enumerate(paths, rank))
    return InputSplit(split.name, files)


def _inspect(path: str, rank: int, options: SessionOptions) -> InputFile:
    try:
        length = fileio.stat(path).length
        with open_text(path, "") as raw:  # by content: names lie, and downloads may be unpacked
            codec = codec_of(raw.read(SAMPLE_BYTES))
        with open_text(path, codec) as text:
            header = text.readline(_HEADER_BYTES)
            rest = text.read(1)
    except (OSError, BrokenFileError, tf.errors.OpError) as error:
        raise SessionDataError(f"{path} cannot be read: {error}") from error
    line = check_text(header, path)
    if len(header) == _HEADER_BYTES:
        raise SessionDataError(
            f"{path} has a first line of more than {_HEADER_BYTES:,} bytes, which begins "
            f"{quote(header)}: expected the names of columns, and rows on further lines."
        )
    if not rest:
        found = f"only the line {quote(header)}" if header else "0 bytes"
        raise SessionDataError(
            f"{path} is empty: it has {found}, expected a header line and rows. "
            "Exclude the file from the pattern or write it again."
        )
    return InputFile(path, rank, read_header(line, path, options), len(header), length, codec)


@contextlib.contextmanager
def open_text(path: str, codec: str) -> Iterator[IO[bytes]]:
    """Opens a file for reading; offsets are those of the uncompressed text."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        yield open_unpacked(raw, codec) if codec else raw


def pieces(splits: list[InputSplit], piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """Cuts files into pieces of about `piece_bytes`; a compressed one cannot be cut."""
    for split in splits:
        for path, rank, columns, first_row, length, codec in split.files:
            step = length if codec else piece_bytes
            starts = range(first_row, max(length, first_row + 1), step)
            for start in starts[:1] if codec else starts:
                yield Piece(split.name, path, rank, columns, start, start + step, codec)


def read_piece(piece: Piece, block_bytes: int = PIECE_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yields (offset, whole lines) of a piece, of a compressed file block by block."""
    with open_text(piece.path, piece.codec) as text:
        if piece.codec:
            yield from _read_blocks(text, piece.start, block_bytes)
        else:
            yield from _read_range(text, piece.start, piece.end)


def _read_blocks(text: IO[bytes], offset: int, block_bytes: int) -> Iterator[tuple[int, bytes]]:
    text.read(offset)  # the header
    while block := text.read(block_bytes):
        block += text.readline()
        yield offset, block
        offset += len(block)


def _read_range(text: IO[bytes], start: int, end: int) -> Iterator[tuple[int, bytes]]:
    text.seek(start - 1)  # the byte before may end a line: then the first row begins at `start`
    block = text.read(end - start + 1)
    begin = block.find(b"\n") + 1
    if begin == 0 or begin == len(block):
        return  # a long row that began in an earlier piece
    if not block.endswith(b"\n"):
        block += text.readline()
    yield start - 1 + begin, block[begin:]
