"""Pushes a folder as the next version, at once or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from modules.releases.versions import claim_version, settle


class NewVersion(NamedTuple):
    """A version that is being made.

    Attributes:
      folder: its folder, which servers read once it is there.
      unfinished: folder to write it into.
    """

    folder: Path
    unfinished: Path


@contextlib.contextmanager
def new_version(push_folder: Path) -> Iterator[NewVersion]:
    """Claims the next version; it is pushed when the context ends without an error."""
    folder = Path(claim_version(str(push_folder)))
    unfinished = push_folder / f".unfinished-{folder.name}"
    try:
        yield NewVersion(folder, unfinished)
        unfinished.rename(folder)
        settle(str(push_folder))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds the new version
            folder.rmdir()
