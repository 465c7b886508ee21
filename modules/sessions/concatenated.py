"""What a file holds where others were joined to it, as by `cat`: it must not be read wrongly.

Neither TensorFlow nor Beam here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from modules.files.characters import strip_blanks
from modules.files.formats import USE_LINE_FEEDS, packed_part
from modules.messages.quoting import quote
from modules.sessions.click_header import Columns

# Rows between carriage returns on one line: more are a file of such rows, not a slip.
MOST_ROWS_A_LINE = 100


class JoinedFilesError(Exception):
    """A file goes on in another form than it began; the message says where and how."""

    def of(self, path: str | os.PathLike[str]) -> str:
        """Returns the message with the file's name, as users see it."""
        return f"{path} {self}."


def check_unpacked(text: bytes, offset: int) -> None:
    """Refuses text that is followed by a compressed file, which holds rows that nobody reads.

    Raises:
      JoinedFilesError: it is.
    """
    found = packed_part(text)
    if found:
        at, codec = found
        raise JoinedFilesError(
            f"is text, but holds a part compressed with {codec} at byte {offset + at}: unpack that "
            "file before it is joined to others, or leave the files apart and name them by a "
            "pattern"
        )


def rows_of_line(line: bytes, offset: int, columns: Columns) -> list[tuple[int, bytes]]:
    """Returns the rows, each with its offset, of a line that cannot be used as one row.

    Several rows are on it where carriage returns end them, as on old Macs: there are more fields
    than a row has, and more of them than rows.

    Raises:
      JoinedFilesError: they are many.
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
    """Returns whether a row that cannot be used is the header of a file that was joined.

    Raises:
      JoinedFilesError: its columns are in other places: ids would be mixed up.
    """
    if not columns.names or not all(name in line for name in columns.names):
        return False
    behind_row = columns.width - 1  # on its line, if the file before has no line end
    for begin in (0, behind_row):
        found = [strip_blanks(field) for field in fields[begin:]]
        if begin:
            found = _without_row(found, columns.names)
        if set(columns.names) <= set(found):
            places = (columns.session, columns.item, columns.time)
            if len(found) != columns.width or [found[at] for at in places] != [*columns.names]:
                raise JoinedFilesError(
                    f"has a second header at byte {offset} whose columns are in other places than "
                    f"those of the first: {quote(line)}; leave the files apart and name them by a "
                    "pattern, each has its own header then"
                )
            return not begin
    return False


def _without_row(found: list[bytes], names: Sequence[bytes]) -> list[bytes]:
    """Takes the last field of the row before off the first name of a header."""
    if not found:
        return []
    first, *others = found
    ends = [name for name in names if name not in others and first.endswith(name)]
    return [max(ends, key=len, default=first), *others]
