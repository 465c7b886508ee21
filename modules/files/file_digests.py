"""Digests of files: taken when a folder has been written, compared before it is read again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

# Larger files are known by their length and a sample of their blocks: a digest of all of a model of
# a million items, or of a day's Examples, would be read again before every run.
WHOLE_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20


class FileDigest(NamedTuple):
    """What a file is known by.

    Attributes:
      bytes: its length.
      sha256: of its content, or of 64 blocks of 1 MiB, spread evenly, the first and the last among
        them, where it is longer than `WHOLE_BYTES`.
    """

    bytes: int
    sha256: str


def file_digest(path: str) -> FileDigest:
    """Returns what a file is known by, on any file system that TensorFlow knows."""
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        length = int(file.size())
        for start in _block_starts(length):
            file.seek(start)
            digest.update(file.read(_BLOCK_BYTES))
    return FileDigest(length, digest.hexdigest())


def _block_starts(length: int) -> Iterator[int]:
    if length <= WHOLE_BYTES:
        yield from range(0, length, _BLOCK_BYTES)
        return
    last, blocks = length - _BLOCK_BYTES, WHOLE_BYTES // _BLOCK_BYTES
    yield from (last * block // (blocks - 1) for block in range(blocks))


def file_names(folder: str) -> list[str]:
    """Returns the names of all files below a folder, relative to it, but for hidden ones."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in tf.io.gfile.walk(folder)
        for name in names
        if not name.startswith(".")
    )


def folder_digests(folder: str) -> dict[str, FileDigest]:
    """Returns what all files below a folder are known by, by name."""
    return {name: file_digest(os.path.join(folder, name)) for name in file_names(folder)}


def damage(folder: str, written: Mapping[str, FileDigest], by_content: bool = True) -> str | None:
    """Says how a folder differs from what was written into it, None where it does not.

    Args:
      folder: to look at; files that were added to it do not count.
      written: what its files were known by.
      by_content: compare contents too, not lengths alone.

    Returns:
      The first file that is missing or has changed, and in what, as words.
    """
    for name, known in sorted(written.items()):
        path = os.path.join(folder, name)
        if not tf.io.gfile.exists(path):
            return f"{name} is missing"
        length = tf.io.gfile.stat(path).length
        if length != known.bytes:
            return f"{name} has {length:,} bytes instead of {known.bytes:,}"
        if by_content and file_digest(path) != known:
            return f"{name} has other content than was written"
    return None


def as_json(digests: Mapping[str, FileDigest]) -> dict[str, Any]:
    """Returns digests as JSON can hold them."""
    return {name: known._asdict() for name, known in digests.items()}


def from_json(values: Any) -> dict[str, FileDigest]:
    """Returns the digests that `as_json` made plain.

    Raises:
      ValueError: the values are not of that form.
    """
    try:
        return {name: FileDigest(int(of["bytes"]), of["sha256"]) for name, of in values.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a record of digests: {error!r}") from error
