"""Folders of this machine that a command line names: where a run writes, where a model is."""

from __future__ import annotations

import os
from pathlib import Path

from modules.files.patterns import absolute, is_plain, is_uri
from modules.messages.quoting import shorten


class FolderError(ValueError):
    """A folder cannot be used; the message says why, and how to fix it."""


def output_folder(folder: str | Path) -> Path:
    """Returns the absolute path of a run's output folder.

    Raises:
      FolderError: a run cannot work there.
    """
    if is_uri(str(folder)):
        raise FolderError(
            f"OUT must be a folder of this machine, got {folder}: it has the run's database and "
            "logs. Name another one with OUT=folder; kubeflow/README.md tells how to run with "
            "artifacts at gs://."
        )
    path = Path(absolute(str(folder), Path.cwd()))
    if not is_plain(str(path)):
        raise FolderError(
            f"OUT must have none of * ? [ \\ in its path, got {path}: TFX, Beam and TensorFlow "
            "take the paths of artifacts for patterns. Name another one with OUT=folder (the "
            "default is output/ in the checkout)."
        )
    return path


def local_folder(text: str) -> Path:
    """Reads an option of a command that looks into a folder of this machine, or at a file of it.

    Raises:
      FolderError: it is a URI, or cannot be looked up.
    """
    if is_uri(text):
        raise FolderError(f"{text} is not on this machine: copy it here, and name the copy")
    path = absolute(text, Path.cwd())
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # What is missing there, the command itself says.
    except OSError as error:
        raise FolderError(f"{shorten(text)} cannot be looked up: {error.strerror}") from error
    return Path(path)
