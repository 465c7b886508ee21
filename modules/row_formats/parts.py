"""The seam between files and rows: what every format's module offers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Protocol

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError, open_unpacked
from modules.sessions.row_checks import Rows

PIECE_BYTES = 8 << 20
_LEAST_BYTES = 2 << 20
_PARTS = 64  # enough for some ten workers, of which none waits long for the last one
PACKED_RATIO = 8  # of click logs, roughly; only used to determine the number of buckets


def part_bytes(total: int, most: int = PIECE_BYTES) -> int:
    """Returns the size of parts of an input, so that more than a few workers share a small one.

    Args:
      total: size of the whole input, in bytes.
      most: largest size.

    >>> [part_bytes(megabytes << 20) >> 20 for megabytes in (1, 100, 256, 10_000)]
    [2, 2, 4, 8]
    """
    return min(most, max(_LEAST_BYTES, total // _PARTS))


class Part(Protocol):
    """Part of a file that one worker reads: small, and pickled.

    Attributes:
      counted: what offsets of its rows count, `byte` or `row`.
    """

    @property
    def counted(self) -> str:
        """Returns what offsets of its rows count, `byte` or `row`."""

    def read(
        self, path: str, options: SessionOptions, block_bytes: int = PIECE_BYTES
    ) -> Iterator[Rows]:
        """Yields the rows of the part, block by block.

        Raises:
          BrokenFileError: the file is damaged.
          JoinedFilesError: another file follows in it that cannot be read with it.
        """


class Contents(Protocol):
    """What a file holds, as its first bytes or its footer say."""

    @property
    def codec(self) -> str:
        """Returns the compression around the whole file, "" for none."""

    def text_bytes(self, length: int) -> int:
        """Estimates how long a file of `length` bytes were as uncompressed text."""

    def parts(self, length: int, piece_bytes: int) -> Iterator[Part]:
        """Cuts a file of `length` bytes into parts of about `piece_bytes`."""


class DamagedTableError(BrokenFileError):
    """A Parquet or Avro file is damaged; the message says how."""

    def of(self, path: object) -> str:
        """Returns the message with the file's name."""
        fix = "Write or download it again, or exclude it from the pattern."
        return f"{path} is damaged: {self}. {fix}"


@contextlib.contextmanager
def open_text(path: str, codec: str) -> Iterator[IO[bytes]]:
    """Opens a file for reading; offsets are those of the uncompressed text."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        yield open_unpacked(raw, codec) if codec else raw
