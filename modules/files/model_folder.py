"""The files in the folder of an exported model, beside TensorFlow's own.

A model carries a manifest of its files wherever it is copied, so that a damaged copy is recognized.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from modules.files import file_digests

# TensorFlow reserves `assets.extra` of a SavedModel for files that it does not read itself.
# Asset with the ids of all known items, the most frequent first, one per line.
ITEM_LIST = "item_ids.txt"
SAVED_MODEL = "saved_model.pb"
RENEWAL_RECORD = os.path.join("assets.extra", "renewal.json")
# Written by `modules/serving/reference_predictions.py`.
REFERENCE_PREDICTIONS = os.path.join("assets.extra", "trainer_answers.json")
MANIFEST = os.path.join("assets.extra", "manifest.json")
_FILES, _LEARNED_FROM = "files", "learned_from"


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


def write_manifest(folder: str, learned_from: str) -> None:
    """Writes the digests of all files of a model into its folder; must come last.

    Args:
      folder: folder of the model.
      learned_from: digest of the data, options and code that it was trained with; "" if unknown.
    """
    digests = file_digests.folder_digests(folder)
    digests.pop(MANIFEST, None)
    content = {_LEARNED_FROM: learned_from, _FILES: file_digests.as_json(digests)}
    write_json(folder, MANIFEST, content)


def model_damage(folder: str) -> str | None:
    """Returns which file of a model is missing or has changed since the export, and how.

    Returns:
      None for an intact model, and for one with a graph but no manifest, as former versions export.
    """
    if not tf.io.gfile.exists(os.path.join(folder, SAVED_MODEL)):
        return f"{SAVED_MODEL} is missing"
    try:
        manifest = read_json(folder, MANIFEST)
        written = {} if manifest is None else file_digests.from_json(manifest[_FILES])
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} is not a manifest"
    return file_digests.damage(folder, written)


def learned_from(folder: str) -> str:
    """Returns the digest of what an intact model was trained with, "" if it is unknown."""
    manifest = read_json(folder, MANIFEST)
    return str(manifest[_LEARNED_FROM]) if manifest else ""


def is_same_training(folder: str, other: str) -> bool:
    """Returns whether two intact models were trained with the same data, options and code.

    Their recommendable items may differ, and their files, in which TensorFlow writes random ids.
    """
    digest = learned_from(folder)
    return bool(digest) and digest == learned_from(other)


def known_items(folder: str) -> tuple[bytes, ...] | None:
    """Returns the ids of all items of a model, the most frequent first; None if not listed."""
    path = os.path.join(folder, "assets", ITEM_LIST)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        return tuple(file.read().removesuffix(b"\n").split(b"\n"))


def write_json(folder: str, name: str, content: Mapping[str, Any]) -> None:
    """Writes a JSON file into a model's folder, creating subfolders as needed."""
    path = os.path.join(folder, name)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content))


def read_json(folder: str, name: str) -> Mapping[str, Any] | None:
    """Returns the content of a JSON file of a model's folder, None if there is none."""
    path = os.path.join(folder, name)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "r") as file:
        content: Mapping[str, Any] = json.loads(file.read())
    return content
