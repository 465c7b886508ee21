"""Copies of folders: of remote ones on this machine, and such that take no space of their own."""

from __future__ import annotations

import os
import tempfile

from modules.files.patterns import is_uri


def local_copy(folder: str, scratch: str) -> str:
    """Returns a local folder with the same files: itself, or a copy in `scratch` for a URI."""
    if not is_uri(folder):
        return folder
    copy = tempfile.mkdtemp(dir=scratch)
    copy_folder(folder, copy)
    return copy


def copy_folder(folder: str, place: str, without: str = "") -> None:
    """Copies a folder in place of another one; whoever changes files must write new ones.

    Files of one file system share their storage with the originals, as hard links.

    Args:
      folder: local path or URI.
      place: local path or URI; what was there is removed.
      without: path below the folder of a file that is left out, "" for none.
    """
    import tensorflow as tf

    files = tf.io.gfile
    if files.exists(place) and files.listdir(place):
        files.rmtree(place)
    files.makedirs(place)
    names = [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, found in files.walk(folder)
        for name in found
    ]
    for name in names:
        if name != without:
            copy_file(os.path.join(folder, name), os.path.join(place, name))


def copy_file(file: str, target: str) -> None:
    """Copies a file to a new path as `copy_folder` does, and creates the folder above it."""
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.dirname(target))
    if not _link(file, target):
        tf.io.gfile.copy(file, target)


def _link(file: str, target: str) -> bool:
    """Makes a hard link, if that is possible."""
    if is_uri(file) or is_uri(target):
        return False
    try:
        os.link(file, target)
    except OSError:  # another file system, or one without links
        return False
    return True
