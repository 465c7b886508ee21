"""The list of visitors and sessions that are left out of the Examples, and of whatever shows rows.

Its ids, maybe a million, are not sent along with Beam's functions: each process reads it once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import tensorflow as tf
from apache_beam.utils import shared

from modules.files.characters import BLANKS
from modules.files.row_fields import is_enclosed
from modules.files.text_file import ids_of, read_bytes, text_of
from modules.row_formats.values import Number, id_of
from modules.sessions.sessions import SessionDataError

REMOVED = "(removed: names an id of sessions.forget_file)"
"""What stands for the text of a bad row that names a listed id."""
_DELIMITERS = (b"\t", b",", b";", b"|")
_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_JSON_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BETWEEN_WORDS = re.compile(rb"""[\s,;|:"'{}\[\]]+""")


class ForgottenIds:
    """The ids of a list, which a process reads once, whatever number of functions needs them."""

    def __init__(self, path: str | None = None) -> None:
        """Reads the list's digest, so that all workers use the same list.

        Args:
          path: path or URI of the list, as `forgotten_digest` takes it; None for an empty one.

        Raises:
          SessionDataError: the list cannot be read.
        """
        self._path = path
        self._digest = forgotten_digest(path) if path else ""
        self._shared = shared.Shared()

    def read(self) -> frozenset[bytes]:
        """Returns the ids.

        Raises:
          SessionDataError: the list cannot be read, or is another one since.
        """
        return frozenset() if self._path is None else self._shared.acquire(self._read)

    def _read(self) -> frozenset[bytes]:
        content = _content(str(self._path))
        if hashlib.sha256(content).hexdigest() != self._digest:
            raise SessionDataError(
                f"sessions.forget_file: {self._path} was changed during the run: run again."
            )
        return _ids(content, str(self._path))


def forgotten_digest(path: str) -> str:
    """Returns the SHA-256 of a list of ids, as a hex number.

    Args:
      path: path or URI of a text file of ids, one per line; it may be compressed, or empty.

    Raises:
      SessionDataError: it cannot be read, or is not text.
    """
    content = _content(path)
    _ids(content, path)
    return hashlib.sha256(content).hexdigest()


def names_one(row: bytes, ids: frozenset[bytes], delimiter: str | None = None) -> bool:
    """Returns whether a bad row of whatever form names a listed id, as a field or a word.

    >>> ids = frozenset([b"v1", b"v 2"])
    >>> names_one(b'" v 2 "; soon', ids), names_one(b'{"who":"v1"', ids)
    (True, True)
    >>> names_one(rb'{"who": "v\u00202", "broken', ids)
    True
    >>> names_one(b'{"who": 70.0, "broken', frozenset([b"70"]))
    True
    >>> names_one(b"v1#a", ids, "#"), names_one(b"v12;v 1", ids)
    (True, False)
    """
    if row[:1] in (b"{", b"[") and not ids.isdisjoint(_json_texts(row)):
        return True
    delimiters = {*_DELIMITERS, (delimiter or ",").encode()}
    fields = (each.strip(b" \t\r\"'") for by in delimiters for each in row.split(by))
    return not ids.isdisjoint(fields) or not ids.isdisjoint(_BETWEEN_WORDS.split(row))


def _json_texts(row: bytes) -> Iterator[bytes]:
    """Yields the texts of a line that is meant as JSON, and its numbers as ids.

    JSON may write a letter by its number, and a whole number with a fraction.
    """
    for number in _JSON_NUMBER.findall(row):
        yield id_of(Number(number.decode())) or b""
    for text in _JSON_TEXT.findall(row):
        try:
            found: str = json.loads(text)
        except ValueError:
            continue
        yield found.strip(BLANKS).encode("utf-8", "surrogatepass")


def _content(path: str) -> bytes:
    try:
        return read_bytes(path)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise SessionDataError(
            f"sessions.forget_file: {path} cannot be read: {error}. Write the list, which may be "
            "empty, or set the option to null: a model would learn from what it must not."
        ) from error


def _ids(content: bytes, path: str) -> frozenset[bytes]:
    """Returns the ids with and without quotes around them: whether they are theirs is not known."""
    try:
        lines = (line.strip(BLANKS) for line in text_of(content, path).split("\n"))
        ids = frozenset(line.encode() for line in lines if line)
        return ids | frozenset(ids_of(content, path)) if all(map(is_enclosed, ids)) else ids
    except ValueError as error:
        raise SessionDataError(
            f"sessions.forget_file: {error}. It must be a text file of ids, one per line."
        ) from error
