"""Refuses data that would be read twice: a file by two names, or a copy, compressed or not."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from modules.files.compression import BrokenFileError
from modules.files.patterns import identity
from modules.ingest.input_files import InputFile, InputSplit
from modules.row_formats.parts import open_text
from modules.sessions.sessions import SessionDataError
from modules.sessions.splits import SPLITS

_BLOCK_BYTES = 1 << 20
_SHOWN = 5


class _Entry(NamedTuple):
    """A file of a split."""

    split: str
    file: InputFile


class _Copy(NamedTuple):
    """Two files with the same content, and in what sense."""

    first: _Entry
    second: _Entry
    what: str

    def sentence(self) -> str:
        """Names the files."""
        (early, first), (late, second) = self.first, self.second
        if early == late:
            return f"{first.path} and {second.path} (split {early!r}) {self.what}"
        if first.path == second.path:
            return f"{first.path} is read for split {early!r} and for split {late!r}"
        return f"{first.path} (split {early!r}) and {second.path} (split {late!r}) {self.what}"


def check_copies(splits: list[InputSplit]) -> None:
    """Raises SessionDataError if files are read for two splits, or twice for one."""
    ordered = sorted(splits, key=lambda split: SPLITS.index(split.name))
    copies = list(_copies([_Entry(split.name, file) for split in ordered for file in split.files]))
    between = [copy for copy in copies if copy.first.split != copy.second.split]
    within = [copy for copy in copies if copy.first.split == copy.second.split]
    lines = []
    if between:
        lines += [
            "A model must not be evaluated on data that it was trained or tuned on:",
            *_listed(between),
            "Narrow one of the patterns, or omit the copy: without EVAL and TEST both are cut from "
            "the end of TRAIN.",
        ]
    if within:
        lines += [
            "The same events must not be read twice for a split:",
            *_listed(within),
            "Narrow the pattern, or remove one of the two files.",
        ]
    if lines:
        raise SessionDataError("\n".join(lines))


def _listed(copies: list[_Copy]) -> list[str]:
    more = [f"  ... and {len(copies) - _SHOWN} more"] if len(copies) > _SHOWN else []
    return [*(f"  {copy.sentence()}" for copy in copies[:_SHOWN]), *more]


def _copies(entries: list[_Entry]) -> Iterator[_Copy]:
    """Yields every pair of an entry and a later copy of it."""
    once = []
    for same in _groups(entries, lambda entry: identity(entry.file.path), least=1):
        once.append(same[0])
        yield from (_Copy(same[0], other, "are the same file") for other in same[1:])
    # Few files are read whole: only those with equal first blocks.
    for alike in _groups(_comparable(once), lambda entry: _digest(entry.file, whole=False)):
        for same in _groups(alike, lambda entry: _digest(entry.file, whole=True)):
            for other in same[1:]:
                packed = same[0].file.contents.codec or other.file.contents.codec
                what = "hold the same text" if packed else "hold the same bytes"
                yield _Copy(same[0], other, what)


def _comparable(entries: list[_Entry]) -> list[_Entry]:
    """Returns the files that may equal another one: if none is compressed, by length."""
    if any(entry.file.contents.codec for entry in entries):
        return entries if len(entries) > 1 else []
    lengths = Counter(entry.file.length for entry in entries)
    return [entry for entry in entries if lengths[entry.file.length] > 1]


def _groups(
    entries: Iterable[_Entry], key: Callable[[_Entry], Hashable], least: int = 2
) -> list[list[_Entry]]:
    """Groups entries by key, `least` or more; the key None equals no other."""
    groups: dict[Hashable, list[_Entry]] = defaultdict(list)
    for number, entry in enumerate(entries):
        found = key(entry)
        groups[number if found is None else found].append(entry)
    return [group for group in groups.values() if len(group) >= least]


def _digest(file: InputFile, whole: bool) -> bytes | None:
    """Returns a digest of a file's text or its first block; None if it is damaged."""
    digest = hashlib.sha256()
    try:
        with open_text(file.path, file.contents.codec) as text:
            while block := text.read(_BLOCK_BYTES):
                digest.update(block)
                if not whole:
                    break
    except BrokenFileError:
        return None
    return digest.digest()
