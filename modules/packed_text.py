"""Compressed files, read block by block and to their very end, or not at all."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Protocol

_CHUNK_BYTES = 1 << 16


class BrokenFileError(Exception):
    """A compressed file cannot be unpacked to its end; the message says why."""


class _Decompressor(Protocol):
    """Python's objects that unpack one member of a file; more may follow."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS + 16),
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}


def open_unpacked(raw: IO[bytes], codec: str) -> IO[bytes]:
    """Returns the text of a compressed file, to be read from its beginning.

    Python's own file objects stop without a word where bz2 and xz are followed by what is neither,
    be it a damaged second member: half a file would look like a whole one.

    Args:
      raw: the compressed file.
      codec: from `modules.file_kinds.codec_of`.
    """
    blocks = _unpacked_zstd(raw) if codec == "zstd" else _unpacked(raw, _DECOMPRESSORS[codec])
    return io.BufferedReader(_Blocks(blocks), buffer_size=_CHUNK_BYTES)


def _unpacked(raw: IO[bytes], make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    member: _Decompressor | None = None
    whole = 0
    while data := raw.read(_CHUNK_BYTES):
        while data:
            if member is None:
                data = data.lstrip(b"\0")  # what fills a file up to the blocks of tapes and disks
                if not data:
                    break
                member = make()
            try:
                block = member.decompress(data)
            except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                after = f", after {whole} compressed part{'s' * (whole > 1)}" if whole else ""
                raise BrokenFileError(f"{error}{after}") from error
            yield block
            data = b""
            if member.eof:
                data, member = member.unused_data, None
                whole += 1
    if member is not None:
        raise BrokenFileError("it ends before its last compressed block does")


def _unpacked_zstd(raw: IO[bytes]) -> Iterator[bytes]:
    import pyarrow as pa  # takes a while, and few files need it

    stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    while True:
        try:
            block = stream.read(_CHUNK_BYTES)
        except OSError as error:
            if type(error) is not OSError or error.errno is not None:
                raise  # of the file system
            raise BrokenFileError(str(error)) from error
        if not block:
            return
        yield block


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

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
