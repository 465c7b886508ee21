"""Reads small text files of users, such as lists and YAML, or says why they cannot be read."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Container
from typing import IO

from modules.files.characters import BLANKS, is_not_utf8, strip_blanks, without_marks
from modules.files.compression import BrokenFileError, open_unpacked
from modules.files.file_systems import place_of, tensorflow_schemes
from modules.files.formats import SAMPLE_BYTES, WRITE_AS_UTF8, codec_of, holds_nul, what_is_wrong
from modules.files.patterns import is_uri
from modules.files.row_fields import is_enclosed


class TextFileError(ValueError):
    """A file is not UTF-8 text; the message says what it is and how to fix it."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the text of a file, compressed or not, without byte-order mark, with line feeds.

    Raises:
      TextFileError: the file is not UTF-8 text.
    """
    return text_of(read_bytes(path), path)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Returns the bytes of a file on this machine, or at a URI that TensorFlow opens."""
    if not is_uri(os.fspath(path)):
        with open(path, "rb") as file:
            return file.read()
    import tensorflow as tf

    place_of(os.fspath(path), tensorflow_schemes)
    with tf.io.gfile.GFile(os.fspath(path), "rb") as file:
        return bytes(file.read())


def text_of(content: bytes, path: str | os.PathLike[str]) -> str:
    """Returns the text of a file from its bytes, as `read_text` does; `path` is for messages.

    Raises:
      TextFileError: it is not UTF-8 text.
    """
    try:
        content = without_marks(_unpacked(io.BytesIO(content)))
    except BrokenFileError as error:
        raise TextFileError(error.of(path)) from error
    problem = what_is_wrong(content[:SAMPLE_BYTES])
    if not problem and (nul := holds_nul(content)):
        problem = f"is {nul}"
    if not problem and is_not_utf8(content):
        problem = f"is not UTF-8 text: {WRITE_AS_UTF8}"
    if problem:
        raise TextFileError(f"{path} {problem}")
    return re.sub("\r{0,2}\n|\r", "\n", content.decode())


def _unpacked(raw: IO[bytes]) -> bytes:
    codec = codec_of(raw.read(SAMPLE_BYTES))
    raw.seek(0)
    return open_unpacked(raw, codec).read() if codec else raw.read()


def read_ids(
    path: str | os.PathLike[str], known: Container[bytes] = frozenset()
) -> dict[bytes, None]:
    """Returns the ids of a list, one per line, without blanks around them, in order.

    If every id is quoted, the quotes are removed, unless one of them is known with its quotes.

    Args:
      path: path of the list.
      known: ids of the log.

    Raises:
      TextFileError: the file is not UTF-8 text.
    """
    return ids_of(read_bytes(path), path, known)


def ids_of(
    content: bytes, path: str | os.PathLike[str], known: Container[bytes] = frozenset()
) -> dict[bytes, None]:
    """Returns the ids of a list from its bytes, as `read_ids` does; `path` is for messages."""
    lines = (line.strip(BLANKS) for line in text_of(content, path).split("\n"))
    ids = [line.encode() for line in lines if line]
    if all(map(is_enclosed, ids)) and not any(item_id in known for item_id in ids):
        ids = [strip_blanks(item_id[1:-1].replace(b'""', b'"')) for item_id in ids]
    return dict.fromkeys(item_id for item_id in ids if item_id)
