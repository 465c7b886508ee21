"""What an output folder holds at a time: the model that serves, and bytes."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.paths import Paths
from serving.pushed_models import NoModelError, newest_model


def served_model(out: Path) -> str | None:
    """Returns the folder of the newest pushed model, which servers load; None if there is none."""
    try:
        return str(newest_model([Path(Paths.under(out).push_folder)]))
    except NoModelError:
        return None


def disk_bytes(folder: Path | str) -> int:
    """Returns the sum of the lengths of all files below a folder; links are not followed.

    Files that vanish meanwhile, or that may not be looked at, do not count.
    """
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
