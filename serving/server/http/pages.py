"""The pages of an output folder that the server shows beside its own."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Nothing else below an output folder is shown.
_NAME = r"[\w-][\w.-]*"
_SHOWN = re.compile(rf"history\.html|runs/{_NAME}/report\.html|monitor/{_NAME}/monitor\.html")


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the status page shows beside the models.

    Attributes:
      links: paths below the output folder by name.
      pushes: the last pushed versions, the newest first, as values by column.
    """

    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pushes: Sequence[Mapping[str, Any]] = ()


@dataclasses.dataclass(frozen=True)
class Pages:
    """The pages of an output folder.

    Attributes:
      folder: the folder, None for none.
      read: returns what the status page shows.
    """

    folder: Path | None = None
    read: Callable[[], Shown] = Shown

    def file(self, path: str) -> Path | None:
        """Returns the file of a page by its path below the folder; None if it is not to be shown.

        >>> Pages(Path("out")).file("metadata.sqlite") is None
        True
        """
        if self.folder is None or not _SHOWN.fullmatch(path):
            return None
        file = self.folder / path
        return file if os.path.isfile(file) else None
