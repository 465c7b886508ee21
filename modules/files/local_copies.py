"""Copies of folders for what opens files of this machine alone."""

from __future__ import annotations

import os
import tempfile

from modules.files.patterns import is_uri


def local_copy(folder: str, scratch: str) -> str:
    """Returns a folder of this machine with the same files.

    Args:
      folder: a path is returned as it is; what is at a URI is copied, with all below it.
      scratch: folder of this machine that gets the copy, in a folder of its own.
    """
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
