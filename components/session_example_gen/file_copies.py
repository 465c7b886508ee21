"""Refuses files that two splits read: the same file by any name, or a copy of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from components.session_example_gen.input_files import InputFile, InputSplit, open_text
from modules.file_patterns import identity
from modules.sessions import SessionDataError
from modules.time_splits import split_pairs

_BLOCK_BYTES = 1 << 20


def check_copies(splits: list[InputSplit]) -> None:
    """Refuses files that are read for two splits.

    Raises:
      SessionDataError: names all of them, the first few of many.
    """
    found = [line for pair in _pairs(splits) for line in _copies(*pair)]
    if not found:
        return
    more = [f"... and {len(found) - 5} more"] if len(found) > 5 else []
    raise SessionDataError(
        "\n".join(
            [
                "A model must not be evaluated on data that it was trained or tuned on:",
                *(f"  {line}" for line in [*found[:5], *more]),
                "Narrow one of the patterns, or leave the copy out: without EVAL and TEST both are "
                "cut from the end of TRAIN.",
            ]
        )
    )


def _pairs(splits: list[InputSplit]) -> Iterator[tuple[InputSplit, InputSplit]]:
    by_name = {split.name: split for split in splits}
    for early, late in split_pairs(by_name):
        yield by_name[early], by_name[late]


def _copies(early: InputSplit, late: InputSplit) -> Iterator[str]:
    by_identity = {identity(file.path): file for file in early.files}
    lengths = {file.length for file in early.files} & {file.length for file in late.files}
    by_start: dict[bytes, list[InputFile]] = defaultdict(list)
    for file in early.files:
        if file.length in lengths:
            by_start[_digest_of_start(file)].append(file)
    for file in late.files:
        same = by_identity.get(identity(file.path))
        if same is not None:
            yield _sentence(early, late, file, same, "are the same file")
        elif file.length in lengths:
            alike = by_start.get(_digest_of_start(file), [])
            copied = next((other for other in alike if _equal(other.path, file.path)), None)
            if copied is not None:
                yield _sentence(early, late, file, copied, "hold the same bytes")


def _sentence(
    early: InputSplit, late: InputSplit, file: InputFile, other: InputFile, what: str
) -> str:
    if file.path == other.path:
        return f"{file.path} is read for split {early.name!r} and for split {late.name!r}"
    return f"{other.path} (split {early.name!r}) and {file.path} (split {late.name!r}) {what}"


def _digest_of_start(file: InputFile) -> bytes:
    """Digests a file's length and first block: of many files few are then compared in pairs."""
    with open_text(file.path, "") as text:
        return hashlib.sha256(b"%d " % file.length + text.read(_BLOCK_BYTES)).digest()


def _equal(path: str, other: str) -> bool:
    """Compares files of equal length, up to the first block that differs."""
    with open_text(path, "") as first, open_text(other, "") as second:
        while True:
            block = first.read(_BLOCK_BYTES)
            if block != second.read(_BLOCK_BYTES):
                return False
            if not block:
                return True
