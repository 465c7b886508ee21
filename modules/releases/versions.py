"""Versions of pushed models: folders whose names are numbers, as servers want them."""

from __future__ import annotations

import contextlib
import os
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator

import tensorflow as tf

from modules.files.file_systems import place_of, tensorflow_schemes
from modules.files.model_folder import model_damage
from modules.files.patterns import is_uri
from modules.releases.record import folder_of, read_releases
from modules.releases.server_config import write_server_config

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


def stable_version(folder: str) -> str | None:
    """Returns the newest released version below a folder, intact or not; None if there is none."""
    releases = read_releases(folder)
    names = map(str, sorted(version_numbers(folder), reverse=True))
    found = next(filter(releases.is_released, names), None)
    return os.path.join(folder, found) if found else None


def usable_versions(
    folder: str, problem_of: Callable[[str], str | None] = model_damage
) -> Iterator[str]:
    """Yields the released and usable versions, the newest first; says which cannot be used.

    Args:
      folder: folder of all versions.
      problem_of: returns why a version cannot be used, None if it can; by default its damage.
    """
    releases = read_releases(folder)
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        if not releases.is_released(str(number)):
            continue
        problem = problem_of(path)
        if problem is None:
            yield path
        else:
            print(f"{path} is skipped: {problem}", flush=True)


def push_damage(version: str) -> str | None:
    """Returns what is wrong with a pushed version, be it missing; None if nothing is."""
    return model_damage(version) if tf.io.gfile.exists(version) else "the folder is missing"


def is_removed_on_purpose(version: str) -> bool:
    """Returns whether a missing version was withdrawn, or is older than another one."""
    folder, name = os.path.split(version)
    if tf.io.gfile.exists(version):
        return False
    newest = newest_version(folder)
    is_older = newest is not None and int(os.path.basename(newest)) > int(name)
    return is_older or read_releases(folder).withdrawal(name) is not None


def next_version(folder: str) -> str:
    """Returns the folder of a new version, named by the time as in TFX, but above all others.

    Servers load the highest version: a lower one would never be served.
    """
    numbers = [*version_numbers(folder), *version_numbers(withdrawn_folder(folder))]
    return os.path.join(folder, str(max([int(time.time()), *(number + 1 for number in numbers)])))


def claim_version(folder: str) -> str:
    """Returns the folder of a new version that no other pusher has.

    On this machine that is the creation of the folder. Elsewhere, where nothing is exclusive, each
    pusher writes a claim and then lists all: who sees another claim of the number takes a higher
    one. Of two at once at least one sees the other, as long as a listing has what was written
    before it (object stores do; NFS needs the mount option `noac`).
    """
    if not is_uri(folder):
        os.makedirs(folder, exist_ok=True)
        while True:
            version = next_version(folder)
            with contextlib.suppress(FileExistsError):
                os.mkdir(version)
                return version
    place, claims = place_of(folder, tensorflow_schemes), os.path.join(folder_of(folder), "claims")
    number = int(os.path.basename(next_version(folder)))
    while True:
        claim = f"{number}-{uuid.uuid4().hex}"
        place.write_text(os.path.join(claims, claim), "")
        others = [name for name in place.names(claims) if name.partition("-")[0].isdecimal()]
        taken = [int(name.partition("-")[0]) for name in others if name != claim]
        if number not in taken:
            return os.path.join(folder, str(number))
        number = max([number, *taken]) + random.randint(1, 100)  # they would meet again


def withdrawn_folder(folder: str) -> str:
    """Returns the folder of withdrawn versions, beside that of the others.

    Servers that know nothing of releases load the highest version that they find.
    """
    return f"{folder.rstrip('/')}_withdrawn"


def settle(folder: str) -> None:
    """Moves versions to where they belong, withdrawn ones aside, and configures the server.

    Whoever records an action or pushes calls it; after an interruption the next one does the rest.
    """
    releases, aside = read_releases(folder), withdrawn_folder(folder)
    place = place_of(folder, tensorflow_schemes)
    for name in map(str, version_numbers(folder)):
        if releases.withdrawal(name):
            place.move(os.path.join(folder, name), os.path.join(aside, name))
    for name in map(str, version_numbers(aside)):
        if not releases.withdrawal(name):
            place.move(os.path.join(aside, name), os.path.join(folder, name))
    write_server_config(folder, releases.labels(map(str, version_numbers(folder))))
