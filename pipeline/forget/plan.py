"""What is forgotten, what changes because of it, and how a file of an output folder is replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

SHORTEST = 6
"""Characters of the shortest id that is searched for in files of unknown form: a shorter one is
found by chance in numbers and texts that have nothing to do with it."""
_WORD = re.compile(rb"[0-9A-Za-z_.-]+")


class Visit(NamedTuple):
    """A session to forget, as an Examples artifact holds it.

    Attributes:
      session_id: its id.
      items: raw item ids in time order.
      times: times of its events, ms.
    """

    session_id: bytes
    items: tuple[bytes, ...]
    times: tuple[int, ...]


class Forgotten(NamedTuple):
    """What is forgotten.

    Attributes:
      ids: ids of sessions or visitors, as they were given, and of the sessions of these visitors.
      visits: the sessions among them that Examples hold.
      orphans: item ids that occur in these sessions alone.
      kept_since: start of the earliest session of all Examples, ms; None without Examples.
    """

    ids: frozenset[bytes]
    visits: tuple[Visit, ...]
    orphans: frozenset[bytes]
    kept_since: int | None

    @property
    def names(self) -> frozenset[bytes]:
        """All ids that must not be found afterwards."""
        return self.ids | self.orphans

    def found(self) -> frozenset[bytes]:
        """Returns the ids that Examples hold, those of visitors by a session of theirs."""
        sessions = {visit.session_id for visit in self.visits}
        return self.ids & (sessions | {session.rpartition(b"@")[0] for session in sessions})


class Change(NamedTuple):
    """A file that is written again without what is forgotten, or removed.

    Attributes:
      kind: what was removed from it, in words: a row of the table that is printed.
      path: the file; a folder that is removed.
      removed: how many sessions, rows, lines or files.
      content: the new content; None for a file or folder that is removed.
    """

    kind: str
    path: Path
    removed: int
    content: bytes | None


def holder(path: Path, out: Path) -> Path:
    """Returns what can be deleted as a whole: an artifact, a pushed version, or the file itself.

    >>> str(holder(Path("/out/artifacts/Trainer/model/7/x/y"), Path("/out")))
    '/out/artifacts/Trainer/model/7'
    >>> str(holder(Path("/out/pushed_index/17/x/y"), Path("/out")))
    '/out/pushed_index/17'
    """
    parts = path.relative_to(out).parts
    first = parts[0]
    length = 4 if first.startswith("artifacts") else 2 if _holds_folders(first) else len(parts)
    return out.joinpath(*parts[: min(length, len(parts))])


def is_made_again(place: Path, out: Path) -> bool:
    """Returns whether the next run makes what a place held: an artifact of a node."""
    return place.relative_to(out).parts[0].startswith("artifacts")


def _holds_folders(name: str) -> bool:
    return name.startswith("pushed") or name == "checkpoints"


def names_in(content: bytes, names: Collection[bytes]) -> set[bytes]:
    """Returns which ids stand in a file of any form, as words of their own.

    Args:
      content: its bytes, unpacked.
      names: ids; those shorter than `SHORTEST` are not searched for.
    """
    long = {name for name in names if len(name) >= SHORTEST}
    simple = {name for name in long if _WORD.fullmatch(name)}
    found = simple & set(_WORD.findall(content)) if simple else set()
    # A dot or dash after it belongs to the text around it, as in `id.json`.
    rest = {name for name in simple - found if name in content}
    found |= {name for name in rest if _stands_alone(content, name)}
    return found | {name for name in long - simple if name in content}


def _stands_alone(content: bytes, name: bytes) -> bool:
    return bool(re.search(rb"(?<![0-9A-Za-z_])" + re.escape(name) + rb"(?![0-9A-Za-z_])", content))


def without_names(text: str, names: Collection[bytes], instead: str) -> str:
    """Replaces ids that stand as words of their own in a text."""
    texts = sorted((name.decode("utf-8", "replace") for name in names), key=len, reverse=True)
    found = [name for name in texts if name in text]
    if not found:
        return text
    either = "|".join(map(re.escape, found))
    return re.sub(rf"(?<![0-9A-Za-z_])(?:{either})(?![0-9A-Za-z_])", instead, text)


def is_part_of(items: Sequence[bytes], whole: Sequence[bytes]) -> bool:
    """Returns whether items, at least one, follow each other in a session.

    >>> is_part_of([b"b", b"c"], [b"a", b"b", b"c"]), is_part_of([b"a", b"c"], [b"a", b"b", b"c"])
    (True, False)
    """
    length = len(items)
    starts = range(len(whole) - length + 1)
    return bool(length) and any(list(whole[at : at + length]) == list(items) for at in starts)


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file in place of another one, at once; other names of the old one keep it."""
    scratch = path.with_name(f".{path.name}.new")
    with open(scratch, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
