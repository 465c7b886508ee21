"""Copies of remote folders, for libraries that only open local files."""

from __future__ import annotations

import os
import tempfile

from modules.files.patterns import is_uri


def local_copy(folder: str, scratch: str) -> str:
    """Returns a local folder with the same files: itself, or a copy in `scratch` for a URI."""
    if not is_uri(folder):
        return folder
    import tensorflow as tf

    copy = tempfile.mkdtemp(dir=scratch)
    for parent, _, names in tf.io.gfile.walk(folder):
        place = os.path.join(copy, os.path.relpath(parent, folder))
        os.makedirs(place, exist_ok=True)
        for name in names:
            tf.io.gfile.copy(os.path.join(parent, name), os.path.join(place, name))
    return copy
