"""Small text files that users hand us, lists and YAML: read whole, or refused with the reason."""

from __future__ import annotations

import os
from typing import IO

from modules.characters import BLANKS, is_not_utf8, without_marks
from modules.file_kinds import (
    SAMPLE_BYTES,
    WRITE_AS_UTF8,
    codec_of,
    holds_nul,
    what_is_wrong,
)
from modules.packed_text import BrokenFileError, open_unpacked


class TextFileError(ValueError):
    """A file is not UTF-8 text; the message says what it is and how to fix it."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the text of a file, which may be compressed, without byte-order mark.

    Lines end in a line feed, whatever ends them in the file.

    Raises:
      TextFileError: the file is not UTF-8 text.
    """
    try:
        with open(path, "rb") as raw:
            content = without_marks(_unpacked(raw))
    except BrokenFileError as error:
        raise TextFileError(error.of(path)) from error
    problem = what_is_wrong(content[:SAMPLE_BYTES])
    if not problem and holds_nul(content):
        problem = f"is {holds_nul(content)}"
    if not problem and is_not_utf8(content):
        problem = f"is not UTF-8 text: {WRITE_AS_UTF8}"
    if problem:
        raise TextFileError(f"{path} {problem}")
    lines = content.decode().replace("\r\r\n", "\n").replace("\r\n", "\n")
    return lines.replace("\r", "\n")


def _unpacked(raw: IO[bytes]) -> bytes:
    codec = codec_of(raw.read(SAMPLE_BYTES))
    raw.seek(0)
    return open_unpacked(raw, codec).read() if codec else raw.read()


def read_ids(path: str | os.PathLike[str]) -> dict[bytes, None]:
    """Returns the ids of a list, one a line, without the blanks around them, in order.

    Quotes around every single one are not part of them.

    Raises:
      TextFileError: the file is not UTF-8 text.
    """
    ids = [line.strip(BLANKS) for line in read_text(path).split("\n")]
    ids = [item_id for item_id in ids if item_id]
    if all(len(item_id) > 1 and item_id[0] == item_id[-1] == '"' for item_id in ids):
        ids = [item_id[1:-1].replace('""', '"') for item_id in ids]
    return dict.fromkeys(item_id.encode() for item_id in ids)
