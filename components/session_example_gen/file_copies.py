"""Refuses files that two splits read: the same file by any name, or a copy of it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

from components.session_example_gen.input_files import InputFile, InputSplit, open_text
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
    by_place = {_place(file.path): file for file in early.files}
    by_length: dict[int, list[InputFile]] = defaultdict(list)
    for file in early.files:
        by_length[file.length].append(file)
    for file in late.files:
        same = by_place.get(_place(file.path))
        if same is not None:
            yield _sentence(early, late, file, same, "are the same file")
            continue
        copied = next((o for o in by_length[file.length] if _equal(o.path, file.path)), None)
        if copied is not None:
            yield _sentence(early, late, file, copied, "hold the same bytes")


def _sentence(
    early: InputSplit, late: InputSplit, file: InputFile, other: InputFile, what: str
) -> str:
    if file.path == other.path:
        return f"{file.path} is read for split {early.name!r} and for split {late.name!r}"
    return f"{other.path} (split {early.name!r}) and {file.path} (split {late.name!r}) {what}"


def _place(path: str) -> tuple[int, int] | str:
    """Tells where a file lies, the same for all its links; a remote one by its name."""
    if os.path.exists(path):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return path


def _equal(path: str, other: str) -> bool:
    """Compares files of equal length, up to the first block that differs."""
    with open_text(path, "") as first, open_text(other, "") as second:
        while True:
            block = first.read(_BLOCK_BYTES)
            if block != second.read(_BLOCK_BYTES):
                return False
            if not block:
                return True
