"""Detects files joined to others, as by `cat`; neither TensorFlow nor Beam here."""

from __future__ import annotations

import os
from collections.abc import Sequence

from modules.files.characters import strip_blanks
from modules.files.formats import USE_LINE_FEEDS, packed_part
from modules.messages.quoting import quote
from modules.sessions.click_header import Columns

# More carriage returns on a line are not a slip, but line ends.
MOST_ROWS_A_LINE = 100


class JoinedFilesError(Exception):
    """A file continues in another format; the message says where and how."""

    def of(self, path: str | os.PathLike[str]) -> str:
        """Returns the message with the file's name."""
        return f"{path} {self}."


def check_unpacked(text: bytes, offset: int) -> None:
    """Raises JoinedFilesError if a compressed file follows a text: its rows would be lost."""
    if found := packed_part(text):
        at, codec = found
        raise JoinedFilesError(
            f"is text, but has a part compressed with {codec} at byte {offset + at}: unpack that "
            "file before joining it, or keep the files apart and give a pattern"
        )


def rows_of_line(line: bytes, offset: int, columns: Columns) -> list[tuple[int, bytes]]:
    """Returns the rows of a bad line with their offsets.

    It holds several if carriage returns end rows, as on old Macs: it then has more fields than a
    row, and than carriage returns.

    Raises:
      JoinedFilesError: there are many.
    """
    returns, delimiters = line.count(b"\r"), line.count(columns.delimiter.encode())
    if not returns or delimiters < max(columns.width, returns):
        return [(offset, line)]
    if returns > MOST_ROWS_A_LINE:
        raise JoinedFilesError(
            f"has lines that end in a carriage return alone, as on old Macs, from byte {offset} "
            f"on: {USE_LINE_FEEDS}"
        )
    rows = []
    for part in line.split(b"\r"):
        if part:
            rows.append((offset, part))
        offset += len(part) + 1
    return rows


def is_second_header(fields: Sequence[bytes], line: bytes, offset: int, columns: Columns) -> bool:
    """Returns whether a bad row is the header of a joined file.

    Raises:
      JoinedFilesError: its columns are at other positions.
    """
    if not columns.names or not all(name in line for name in columns.names):
        return False
    # If the previous file has no line end, the header follows its last row.
    for begin in (0, columns.width - 1):
        found = [strip_blanks(field) for field in fields[begin:]]
        if begin:
            found = _without_row(found, columns.names)
        if set(columns.names) <= set(found):
            places = columns.places()
            if len(found) != columns.width or [found[at] for at in places] != [*columns.names]:
                raise JoinedFilesError(
                    f"has a second header at byte {offset} with columns at other positions than "
                    f"the first: {quote(line)}; keep the files apart and give a pattern"
                )
            return not begin
    return False


def _without_row(found: list[bytes], names: Sequence[bytes]) -> list[bytes]:
    """Removes the previous row's last field from the first name of a header."""
    if not found:
        return []
    first, *others = found
    ends = [name for name in names if name not in others and first.endswith(name)]
    return [max(ends, key=len, default=first), *others]
