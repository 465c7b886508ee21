"""What the files of an exported model tell: whether two are the same, and what one was made of."""

from __future__ import annotations

import hashlib
import json
import os

import tensorflow as tf

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
    record = os.path.join(folder, RENEWAL_RECORD)
    if not tf.io.gfile.exists(record):
        return folder_digest(folder)
    with tf.io.gfile.GFile(record, "r") as file:
        return str(json.loads(file.read())[TRAINED_MODEL])
