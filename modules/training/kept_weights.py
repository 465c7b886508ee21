"""Where the weights that later models may start from are kept: beside models, never inside them.

Servers copy and watch pushed models, and need no optimizer slots. Trainer leaves weights beside the
SavedModel in its artifact; Pusher keeps those of the newest few pushed models in a folder beside
the push folder, named `VERSION-DIGEST` by the training that they come from, so that a version with
refreshed items has those of the version that it was made from.
"""

from __future__ import annotations

import os
import re

import tensorflow as tf

from modules.files import file_digests
from modules.files.model_folder import learned_from, read_json

KEPT = 3
DIGESTS = "digests.json"
"""Written last into a folder of weights, so that a folder with it is complete."""
_FOLDER = "warm_start"
_NAME = re.compile(r"([0-9]+)-.+")
_DIGITS = 16


def beside(model: str) -> str:
    """Returns the folder of the weights of a SavedModel in Trainer's artifact."""
    return os.path.join(os.path.dirname(model.rstrip("/")), _FOLDER)


def place_of(version: str) -> str | None:
    """Returns the folder that keeps the weights of a pushed version; None if no name is possible.

    Args:
      version: numbered folder of an intact model in the push folder.
    """
    digest = learned_from(version)[:_DIGITS]
    if not digest:
        return None
    folder = _kept_folder(os.path.dirname(version))
    names = [name for name in _names(folder) if name.endswith(f"-{digest}")]
    return os.path.join(folder, (names or [f"{os.path.basename(version)}-{digest}"])[-1])


def damage_of(folder: str) -> str | None:
    """Returns what is wrong with weights in a folder; None if nothing is."""
    path = os.path.join(folder, DIGESTS)
    if not tf.io.gfile.exists(path):
        return f"{DIGESTS} is missing"
    try:
        return file_digests.damage(folder, file_digests.from_json(read_json(folder, DIGESTS)))
    except (AttributeError, KeyError, TypeError, ValueError):
        return f"{DIGESTS} is damaged"


def outdated(push_folder: str) -> list[str]:
    """Returns the folders of kept weights that newer ones replace."""
    folder = _kept_folder(push_folder)
    return [os.path.join(folder, name) for name in _names(folder)[:-KEPT]]


def _kept_folder(push_folder: str) -> str:
    return f"{push_folder.rstrip('/')}_{_FOLDER}"


def _names(folder: str) -> list[str]:
    """Returns the names of kept weights, the oldest first."""
    if not tf.io.gfile.exists(folder):
        return []
    found = [_NAME.fullmatch(name.rstrip("/")) for name in tf.io.gfile.listdir(folder)]
    return [match[0] for match in sorted(filter(None, found), key=lambda match: int(match[1]))]
