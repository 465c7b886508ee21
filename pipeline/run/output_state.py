"""What an output folder holds at a time: the model that serves, and bytes."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from pipeline.paths import Paths
from serving.pushed_models import NoModelError, newest_model


def served_model(out: Path) -> str | None:
    """Returns the folder of the newest pushed model, which servers load; None if there is none."""
    try:
        return str(newest_model([Path(Paths.under(out).push_folder)]))
    except NoModelError:
        return None


def disk_bytes(folder: Path | str, without: Collection[Path] = ()) -> int:
    """Returns the sum of the lengths of all files below a folder; links are not followed.

    Files that share their storage count once. Files that vanish meanwhile, or that may not be
    looked at, do not count.

    Args:
      folder: the folder.
      without: files and folders below it that do not count.
    """
    left_out, sizes = {os.path.abspath(path) for path in without}, {}
    for parent, folders, names in os.walk(os.path.abspath(folder)):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in left_out]
        for name in names:
            path = os.path.join(parent, name)
            if path in left_out:
                continue
            try:
                found = os.lstat(path)
            except OSError:
                continue
            sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())
