"""Local folders named on a command line: output folders and folders of models."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from modules.files.patterns import absolute, is_plain, is_uri
from modules.messages.quoting import shorten


class FolderError(ValueError):
    """A folder cannot be used; the message says why, and how to fix it."""


def output_folder(folder: str | Path) -> Path:
    """Returns the absolute path of a run's output folder.

    Raises:
      FolderError: it is a URI, or has characters of patterns.
    """
    if is_uri(str(folder)):
        raise FolderError(
            f"OUT must be a local folder, got {folder}: it holds the run's database and logs. Name "
            "another one with OUT=folder; kubeflow/README.md explains runs with artifacts at gs://."
        )
    path = Path(absolute(str(folder), Path.cwd()))
    if not is_plain(str(path)):
        raise FolderError(
            f"OUT must have none of * ? [ \\ in its path, got {path}: TFX, Beam and TensorFlow "
            "take such paths for patterns. Name another one with OUT=folder (the default is "
            "output/ in the checkout)."
        )
    return path


def local_path(text: str) -> Path:
    """Returns the absolute path of a local folder or file given on the command line.

    Raises:
      FolderError: it is a URI, or cannot be accessed.
    """
    if is_uri(text):
        raise FolderError(f"{text} is not on this machine: copy it here, and name the copy")
    path = absolute(text, Path.cwd())
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # The command itself reports what is missing.
    except OSError as error:
        raise FolderError(f"{shorten(text)} cannot be accessed: {error.strerror}") from error
    return Path(path)


def check_new_folder(folder: str) -> None:
    """Checks that a local folder can be made and written, or is an empty one; leaves nothing there.

    Args:
      folder: absolute path; a URI is not checked.

    Raises:
      FolderError: it has content, is not a folder, or cannot be made or written.
    """
    if is_uri(folder):
        return
    path = Path(folder)
    new = itertools.takewhile(lambda place: not os.path.lexists(place), (path, *path.parents))
    made = list(new)
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_empty = not any(path.iterdir())
    except FileExistsError:
        is_empty = False
    except OSError as error:
        raise FolderError(
            f"{shorten(folder)} cannot be made: {error.strerror}. Name another folder."
        ) from error
    finally:
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
    if not is_empty:
        raise FolderError(f"{folder} is not an empty folder: name another one, or remove it.")
    if not made and not os.access(path, os.W_OK | os.X_OK):
        raise FolderError(f"{folder} cannot be written to by this user. Name another folder.")
