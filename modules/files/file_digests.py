"""Digests of files, taken when a folder is written and compared before it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

# Larger files are identified by length and a sample of blocks: reading all of a model of a million
# items, or of a day's Examples, before every run would take long.
WHOLE_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20


class FileDigest(NamedTuple):
    """Length of a file and SHA-256 of its content.

    Files longer than `WHOLE_BYTES` are hashed at 64 evenly spread blocks of 1 MiB, including the
    first and the last.
    """

    bytes: int
    sha256: str


def file_digest(path: str) -> FileDigest:
    """Returns the digest of a file on any file system that TensorFlow supports."""
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
    """Returns the relative paths of all files below a folder except hidden ones."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in tf.io.gfile.walk(folder)
        for name in names
        if not name.startswith(".")
    )


def folder_digests(folder: str) -> dict[str, FileDigest]:
    """Returns the digests of all files below a folder, by name."""
    return {name: file_digest(os.path.join(folder, name)) for name in file_names(folder)}


def damage(folder: str, written: Mapping[str, FileDigest], by_content: bool = True) -> str | None:
    """Returns which file of a folder is missing or has changed, and how; None if none is.

    Args:
      folder: folder to check; files added to it are ignored.
      written: digests of its files when they were written.
      by_content: whether to compare contents too, not only lengths.
    """
    for name, known in sorted(written.items()):
        path = os.path.join(folder, name)
        if not tf.io.gfile.exists(path):
            return f"{name} is missing"
        length = tf.io.gfile.stat(path).length
        if length != known.bytes:
            return f"{name} has {length:,} bytes instead of {known.bytes:,}"
        if by_content and file_digest(path) != known:
            return f"{name} has changed since it was written"
    return None


def as_json(digests: Mapping[str, FileDigest]) -> dict[str, Any]:
    """Returns digests as JSON values."""
    return {name: known._asdict() for name, known in digests.items()}


def from_json(values: Any) -> dict[str, FileDigest]:
    """Returns the digests that `as_json` converted; raises ValueError for anything else."""
    try:
        return {name: FileDigest(int(of["bytes"]), of["sha256"]) for name, of in values.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a record of digests: {error!r}") from error
