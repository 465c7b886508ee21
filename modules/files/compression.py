"""Compressed files, read block by block to their very end, or refused."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

_CHUNK_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20


class BrokenFileError(Exception):
    """A compressed file cannot be unpacked to its end; the message says why."""

    def of(self, path: str | os.PathLike[str]) -> str:
        """Returns the message with the file's name."""
        return f"{path} is damaged, it cannot be unpacked to its end: {self}"


class _GzipDecompressor:
    """zlib's object with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail and not self.eof

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


# Unpacks one member of a file; more may follow.
_Decompressor = _GzipDecompressor | bz2.BZ2Decompressor | lzma.LZMADecompressor
_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _GzipDecompressor,
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}


def open_unpacked(raw: IO[bytes], codec: str) -> io.BufferedReader:
    """Returns the text of a compressed file; `codec` is from `modules.files.formats.codec_of`.

    Python's own file objects stop silently where bz2 or xz data are followed by something else,
    even a damaged second member: half a file would look like a whole one.
    """
    blocks = _unpacked_zstd(raw) if codec == "zstd" else _unpacked(raw, _DECOMPRESSORS[codec])
    return as_file(blocks)


def as_file(blocks: Iterator[bytes]) -> io.BufferedReader:
    """Returns blocks of bytes as a buffered file for reading."""
    return io.BufferedReader(_Blocks(blocks), buffer_size=_CHUNK_BYTES)


def _unpacked(raw: IO[bytes], make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    member: _Decompressor | None = None
    whole = 0
    while data := raw.read(_CHUNK_BYTES):
        while data:
            if member is None:
                data = data.lstrip(b"\0")  # padding to the blocks of tapes and disks
                if not data:
                    break
                member = make()
            try:
                yield from _blocks_of(member, data)
            except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                after = f", after {whole} compressed part{'s' * (whole > 1)}" if whole else ""
                raise BrokenFileError(f"{error}{after}") from error
            data = b""
            if member.eof:
                data, member = member.unused_data, None
                whole += 1
    if member is not None:
        raise BrokenFileError("it ends before its last compressed block does")


def _blocks_of(member: _Decompressor, data: bytes) -> Iterator[bytes]:
    """Yields the unpacked data in blocks: equal lines may unpack to gigabytes."""
    yield member.decompress(data, _BLOCK_BYTES)
    while not (member.eof or member.needs_input):
        yield member.decompress(b"", _BLOCK_BYTES)


def _unpacked_zstd(raw: IO[bytes]) -> Iterator[bytes]:
    import pyarrow as pa  # slow to import, and few files need it

    stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    while True:
        try:
            block = stream.read(_CHUNK_BYTES)
        except OSError as error:
            if type(error) is not OSError or error.errno is not None:
                raise  # from the file system
            raise BrokenFileError(str(error)) from error
        if not block:
            return
        yield block


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
