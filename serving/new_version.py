"""Pushes a folder as the next version, at once or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from modules.releases.versions import claim_version, settle

_UNFINISHED = ".unfinished-"
_ABANDONED_SECONDS = 86_400.0


@dataclasses.dataclass
class NewVersion:
    """A version that is being made.

    Attributes:
      unfinished: folder to write it into.
      folder: its own folder, once it is pushed.
    """

    unfinished: Path
    folder: Path | None = None

    @property
    def pushed(self) -> Path:
        """The version's own folder, once it is pushed."""
        assert self.folder is not None
        return self.folder


@contextlib.contextmanager
def new_version(
    push_folder: Path, check: Callable[[], None] = lambda: None
) -> Iterator[NewVersion]:
    """Pushes the next version when the context ends without an error.

    It gets its number only then, since that stands above those of all versions pushed meanwhile.

    Args:
      push_folder: folder of all versions.
      check: raises an error if the version must not be pushed any more.
    """
    push_folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(push_folder)
    version = NewVersion(push_folder / f"{_UNFINISHED}{uuid.uuid4().hex}")
    try:
        yield version
        check()
        folder = Path(claim_version(str(push_folder)))
        version.unfinished.rename(folder)  # in place of the empty folder that is the claim
        version.folder = folder
        settle(str(push_folder))
    finally:
        shutil.rmtree(version.unfinished, ignore_errors=True)


def _remove_abandoned(push_folder: Path) -> None:
    """Removes what killed processes left a day ago."""
    for folder in push_folder.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                shutil.rmtree(folder)
