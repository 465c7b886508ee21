"""What the files of an exported model tell: whether two are the same, and what one was made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from modules.item_ids import ITEM_LIST

# TensorFlow reserves `assets.extra` of a SavedModel for files that it does not read itself.
RENEWAL_RECORD = os.path.join("assets.extra", "renewal.json")
TRAINED_MODEL = "trained_model_sha256"


def folder_digest(folder: str) -> str:
    """Returns a SHA-256 over the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for parent, _, files in sorted(tf.io.gfile.walk(folder)):
        for name in sorted(files):
            path = os.path.join(parent, name)
            with tf.io.gfile.GFile(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            digest.update(f"{os.path.relpath(path, folder)}\0{content}\0".encode())
    return digest.hexdigest()


def trained_model_digest(folder: str) -> str:
    """Returns the digest of the model as it was trained, also for one whose index was renewed."""
    record = read_json(folder, RENEWAL_RECORD)
    return folder_digest(folder) if record is None else str(record[TRAINED_MODEL])


def known_items(folder: str) -> frozenset[bytes] | None:
    """Returns the ids of all items that a model knows, None if it does not list them."""
    path = os.path.join(folder, "assets", ITEM_LIST)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        return frozenset(file.read().removesuffix(b"\n").split(b"\n"))


def write_json(folder: str, name: str, content: Mapping[str, Any]) -> None:
    """Writes a file of a model's folder, which is made if need be."""
    path = os.path.join(folder, name)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content))


def read_json(folder: str, name: str) -> Mapping[str, Any] | None:
    """Returns the content of a file of a model's folder, None where there is none."""
    path = os.path.join(folder, name)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "r") as file:
        content: Mapping[str, Any] = json.loads(file.read())
    return content
