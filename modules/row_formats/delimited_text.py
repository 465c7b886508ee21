"""TSV and CSV, with or without a header line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from modules.config.options.sessions import SessionOptions
from modules.messages.quoting import quote
from modules.row_formats.byte_ranges import ranges, read_lines, text_ratio
from modules.row_formats.parts import PIECE_BYTES, open_text
from modules.sessions.click_header import (
    Columns,
    check_text,
    columns_without_header,
    read_header,
)
from modules.sessions.click_log import parse_rows
from modules.sessions.row_checks import Rows
from modules.sessions.sessions import EmptyFileError, SessionDataError

_HEADER_BYTES = 1 << 20


class TextPart(NamedTuple):
    """The rows that begin in [start, end)."""

    columns: Columns
    codec: str
    start: int
    end: int
    counted: str = "byte"

    def read(
        self, path: str, options: SessionOptions, block_bytes: int = PIECE_BYTES
    ) -> Iterator[Rows]:
        """Yields the rows of the part, block by block."""
        unit, kept = options.time_unit, options.kept_types()
        for offset, text in read_lines(path, self.codec, self.start, self.end, block_bytes):
            yield parse_rows(text, offset, self.columns, unit, kept)


class DelimitedText(NamedTuple):
    """A file of delimited text.

    Attributes:
      columns: where its columns are.
      first_row: offset of the first line that is a row.
      codec: its compression, "" for none.
      ratio: bytes of text for one of the file, about.
    """

    columns: Columns
    first_row: int
    codec: str
    ratio: float = 1.0

    def text_bytes(self, length: int) -> int:
        """Estimates how long the uncompressed text is."""
        return int(length * self.ratio)

    def parts(self, length: int, piece_bytes: int) -> Iterator[TextPart]:
        """Cuts the file into ranges of bytes."""
        for start, end in ranges(self.first_row, length, self.codec, piece_bytes, self.ratio):
            yield TextPart(self.columns, self.codec, start, end)


def inspect_text(path: str, codec: str, options: SessionOptions) -> DelimitedText:
    """Reads the columns from a file's first line, or from `sessions.columns`.

    Raises:
      EmptyFileError: the file has no rows.
      SessionDataError: the file is no text, or a column is missing.
      BrokenFileError: it is compressed and damaged.
    """
    if options.layout == "nested":
        raise SessionDataError(
            f"{path} is delimited text, which has no lists: sessions.layout=nested reads JSON "
            "lines, Parquet and Avro. Set sessions.layout=rows, or write one JSON object a line."
        )
    no_header = options.columns is not None
    with open_text(path, codec) as text:
        header = text.readline(_HEADER_BYTES)
        found = f"only the line {quote(header)}" if header else "0 bytes"
        while no_header and header and not header.strip():
            header = text.readline(_HEADER_BYTES)  # blank lines are no rows
        rest = text.read(1)
    line = check_text(header, path)
    if header.lstrip()[:1] == b"[" and (len(header) == _HEADER_BYTES or not rest):
        raise SessionDataError(
            f"{path} is a JSON array: write one object a line, with: jq -c '.[]' FILE > NEW."
        )
    if len(header) == _HEADER_BYTES:
        raise SessionDataError(
            f"{path} has a first line of more than {_HEADER_BYTES:,} bytes, which begins "
            f"{quote(header)}: expected the names of columns, and rows on further lines."
        )
    if not header or not (rest or no_header):
        expected = "rows" if no_header else "a header line and rows"
        raise EmptyFileError(
            f"{path} is empty: it has {found}, expected {expected}. "
            "Exclude the file from the pattern or write it again."
        )
    if no_header:
        columns, first_row = columns_without_header(line, path, options), 0
    else:
        columns, first_row = read_header(line, path, options), len(header)
    return DelimitedText(columns, first_row, codec, text_ratio(path, codec))
