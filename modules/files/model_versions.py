"""Versions of pushed models: folders whose names are numbers, as servers want them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from modules.files.model_folder import model_damage

PUSHED_VERSION = "pushed_version"
"""Property of an artifact with the name of its version."""
_VERSION = re.compile(r"[0-9]{1,18}")
_LAST_VERSION = 10**18 - 1  # 18 digits fit into the int64 of servers, and one more can follow


def version_numbers(folder: str) -> list[int]:
    """Returns the numbers of the pushed versions below a folder, intact or not."""
    if not tf.io.gfile.exists(folder):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    return [int(name) for name in names if _VERSION.fullmatch(name) and int(name) < _LAST_VERSION]


def newest_version(folder: str) -> str | None:
    """Returns the highest version below a folder, None if there is none."""
    numbers = version_numbers(folder)
    return os.path.join(folder, str(max(numbers))) if numbers else None


def usable_versions(
    folder: str, problem_of: Callable[[str], str | None] = model_damage
) -> Iterator[str]:
    """Yields the usable versions, the newest first; says which are not.

    Args:
      folder: folder of all versions.
      problem_of: returns why a version cannot be used, None if it can; by default its damage.
    """
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        problem = problem_of(path)
        if problem is None:
            yield path
        else:
            print(f"{path} is skipped: {problem}", flush=True)


def next_version(folder: str) -> str:
    """Returns the folder of a new version, named by the time as in TFX, but above all others.

    Servers load the highest version: a lower one would never be served.
    """
    numbers = version_numbers(folder)
    return os.path.join(folder, str(max([int(time.time()), *(number + 1 for number in numbers)])))
