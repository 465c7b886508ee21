"""Items to show while the server is away: the popular ones of its last answer without a session."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

_MODE = 0o644
_LOG = logging.getLogger(__name__)


class FallbackList:
    """Item ids, best first, in memory and in a file that outlives the process."""

    def __init__(self, path: str | Path | None) -> None:
        """Reads the file if it is there.

        Args:
          path: text in UTF-8, an item id a line; None to keep the ids in memory alone.

        Raises:
          OSError: the file cannot be read.
        """
        self._path = Path(path) if path is not None else None
        self.items: tuple[str, ...] = ()
        if self._path is not None and self._path.exists():
            lines = self._path.read_bytes().decode("utf-8").split("\n")  # ids may have others
            self.items = tuple(line for line in lines if line)

    def keep(self, items: Sequence[str]) -> None:
        """Replaces the items; a file that cannot be written is reported in the log alone.

        Args:
          items: item ids, best first; nothing is done without any.
        """
        kept = tuple(items)
        if not kept or kept == self.items:
            return
        self.items = kept
        if self._path is None:
            return
        try:
            self._write(self._path, kept)
        except (OSError, UnicodeError) as error:
            _LOG.warning("the fallback list was not kept in %s: %s", self._path, error)

    @staticmethod
    def _write(path: Path, items: Sequence[str]) -> None:
        """Writes the file, which is complete at any time, whoever else writes it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with open(number, "w", encoding="utf-8", newline="") as file:
                file.writelines(f"{item}\n" for item in items if "\n" not in item)
            os.chmod(name, _MODE)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
