"""Finds the input files, looks at what they hold, and cuts them into pieces for Beam."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import tensorflow as tf

from modules.config.options.sessions import SessionOptions
from modules.files import patterns
from modules.files.file_systems import FilePatternError
from modules.row_formats.byte_ranges import most_parts
from modules.row_formats.parts import PIECE_BYTES, Contents, Part
from modules.row_formats.recognised import inspect
from modules.sessions.sessions import EmptyFileError, SessionDataError

_LARGE_BYTES = 256 << 20
_ENOUGH_FILES = 16


class InputFile(NamedTuple):
    """An input file; `rank` is its position among the split's files, `length` is in bytes."""

    path: str
    rank: int
    contents: Contents
    length: int


class InputSplit(NamedTuple):
    """A split of the input with its files: ordered by name, entry by entry."""

    name: str
    files: tuple[InputFile, ...]

    def names(self) -> str:
        """Returns the paths of the files, the first few of many."""
        more = f" and {len(self.files) - 3} more" if len(self.files) > 3 else ""
        return ", ".join(file.path for file in self.files[:3]) + more

    def text_bytes(self) -> int:
        """Estimates the length of the split's rows as uncompressed text."""
        return sum(file.contents.text_bytes(file.length) for file in self.files)


class Piece(NamedTuple):
    """Part of a file."""

    split: str
    path: str
    rank: int
    part: Part


def find_input(
    input_base: str,
    entries: Iterable[tuple[str, str]],
    options: SessionOptions,
    skips_empty: bool = False,
) -> list[InputSplit]:
    """Finds every split's files and looks at them; entries of one split are joined in order.

    Args:
      input_base: folder of the files, or "".
      entries: names of splits, each with a pattern of its files.
      options: how they are read.
      skips_empty: whether files without rows are left out.

    Raises:
      SessionDataError: there is no file, an empty file, or one without a required column.
    """
    found: dict[str, InputSplit] = {}
    for name, pattern in entries:
        before = found.get(name)
        rank = len(before.files) if before else 0
        whole = patterns.join(input_base, pattern)
        split = _find_split(name, whole, options, rank, skips_empty)
        if before:
            split = split._replace(files=before.files + split.files)
        found[name] = split
    return list(found.values())


def _find_split(
    name: str, pattern: str, options: SessionOptions, rank: int, skips_empty: bool
) -> InputSplit:
    try:
        paths = patterns.find_files(pattern)
    except FilePatternError as error:
        raise SessionDataError(f"Split {name!r}: {error}") from error
    if not paths:
        raise SessionDataError(
            f"Split {name!r} has no input file: {pattern} matches "
            f"{patterns.what_is_there(pattern)}. "
            "Name a file, or a pattern of files such as folder/*.tsv."
        )
    files = []
    for place, path in enumerate(paths, rank):
        try:
            files.append(_inspect(path, place, options))
        except EmptyFileError:
            if not skips_empty:
                raise
    return InputSplit(name, tuple(files))


def _inspect(path: str, rank: int, options: SessionOptions) -> InputFile:
    try:
        length = tf.io.gfile.stat(path).length
    except (OSError, tf.errors.OpError) as error:
        raise SessionDataError(f"{path} cannot be read: {error}") from error
    return InputFile(path, rank, inspect(path, options), length)


def large_packed(splits: list[InputSplit]) -> list[str]:
    """Returns a warning for each compressed file that is long work for the few who read it."""
    return [
        f"{file.path} has {file.length / 1e6:,.0f} MB, compressed with {file.contents.codec}: "
        f"{_readers(file.contents.codec)}, while the others wait. "
        "Unpack it, or write it as several files that a pattern names: docs/own-data.md says how."
        for split in splits
        for file in split.files
        if (codec := file.contents.codec) and file.length > _LARGE_BYTES * most_parts(codec)
    ]


def _readers(codec: str) -> str:
    parts = most_parts(codec)
    return f"at most {parts} workers read it" if parts > 1 else "one worker reads all of it"


def pieces(splits: list[InputSplit], piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """Cuts files into pieces of about `piece_bytes`, where their format can be cut.

    Packed files are not where there are enough of them for all workers, since each piece begins
    with unpacking, and reading, what lies before it.
    """
    packed = sum(bool(file.contents.codec) for split in splits for file in split.files)
    for split in splits:
        for path, rank, contents, length in split.files:
            whole = contents.codec and packed > _ENOUGH_FILES
            for part in contents.parts(length, sys.maxsize if whole else piece_bytes):
                yield Piece(split.name, path, rank, part)
