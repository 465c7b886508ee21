"""File systems: this machine's, and TensorFlow's for URIs."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable

URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")


class FilePatternError(ValueError):
    """A pattern, or a file that it names, cannot be used; the message says why."""


class ThisMachine:
    """Files of this machine."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def exists(self, path: str) -> bool:
        """Returns whether a path exists, be it a broken link."""
        return os.path.lexists(path)

    def is_folder(self, path: str) -> bool:
        """Returns whether there is a folder."""
        return os.path.isdir(path or os.curdir)

    def is_file(self, path: str) -> bool:
        """Returns whether there is a file."""
        if os.path.islink(path) and not os.path.exists(path):
            raise FilePatternError(
                f"{path} is a link to {os.readlink(path)}, which does not exist: remove the link, "
                "or put its file there"
            )
        return os.path.isfile(path)

    def names(self, folder: str) -> list[str]:
        """Lists a folder."""
        return os.listdir(folder or os.curdir)

    def identity(self, path: str) -> str:
        """Returns an id that all names of a file or folder share."""
        found = os.stat(path)
        # Some network file systems have no inode numbers.
        return f"{found.st_dev} {found.st_ino}" if found.st_ino else os.path.realpath(path)

    def read_text(self, path: str) -> str:
        """Returns the text of a file in UTF-8."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def write_text(self, path: str, text: str) -> None:
        """Writes a file in UTF-8, which has its name once it is complete; creates its folder."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.unfinished", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(f"{path}.unfinished", path)

    def move(self, path: str, place: str) -> None:
        """Moves a file or folder, and creates the folder above its new place."""
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.rename(path, place)

    def stamp(self, path: str) -> str:
        """Returns a file's length in bytes and its time of modification in ns."""
        found = os.stat(path)
        return f"{found.st_size} {found.st_mtime_ns}"


class Elsewhere:
    """Files at URIs, accessed by TensorFlow."""

    def __init__(self) -> None:
        """Loads TensorFlow."""
        import tensorflow as tf

        self._files = tf.io.gfile
        self._not_found = tf.errors.NotFoundError
        self.errors: tuple[type[Exception], ...] = (OSError, tf.errors.OpError)

    def exists(self, path: str) -> bool:
        """Returns whether a path exists."""
        return bool(self._files.exists(path))

    def is_folder(self, path: str) -> bool:
        """Returns whether there is a folder."""
        return bool(self._files.isdir(path))

    def is_file(self, path: str) -> bool:
        """Returns whether there is a file."""
        try:  # one request instead of two for each of maybe thousands of objects
            return not self._files.stat(path).is_directory
        except self._not_found:
            return False

    def names(self, folder: str) -> list[str]:
        """Lists a folder."""
        names = (name.rstrip("/") for name in self._files.listdir(folder))
        return [name for name in names if name]  # an object store may list the folder itself

    def identity(self, path: str) -> str:
        """Returns an id that all names of a file or folder share."""
        return path

    def read_text(self, path: str) -> str:
        """Returns the text of a file in UTF-8."""
        with self._files.GFile(path, "r") as file:
            return str(file.read())

    def write_text(self, path: str, text: str) -> None:
        """Writes a file in UTF-8, which object stores create when it is complete."""
        self._files.makedirs(os.path.dirname(path))
        with self._files.GFile(f"{path}.unfinished", "w") as file:
            file.write(text)
        self._files.rename(f"{path}.unfinished", path, overwrite=True)

    def move(self, path: str, place: str) -> None:
        """Moves a file or folder; object stores copy its files one by one."""
        self._files.makedirs(os.path.dirname(place))
        self._files.rename(path, place)

    def stamp(self, path: str) -> str:
        """Returns a file's length in bytes and its time of modification in ns."""
        found = self._files.stat(path)
        return f"{found.length} {found.mtime_nsec}"


Place = ThisMachine | Elsewhere


def place_of(pattern: str, readable: Callable[[], tuple[str, ...]] | None = None) -> Place:
    """Returns the file system of a pattern or path.

    Args:
      pattern: path or pattern, of this machine or at a URI.
      readable: function that returns the schemes to accept; by default those that logs can have.

    Raises:
      FilePatternError: files of its scheme cannot be opened.
    """
    uri = URI.match(pattern)
    if not uri:
        return ThisMachine()
    known = (readable or _readable_schemes)()
    if uri["scheme"] not in known:
        raise FilePatternError(
            f"{pattern}: {uri['scheme']}:// cannot be opened here, but "
            f"{', '.join(f'{scheme}://' for scheme in known)} and local paths can: copy the files, "
            "or mount their storage as a folder"
        )
    return Elsewhere()


@functools.cache
def tensorflow_schemes() -> tuple[str, ...]:
    """Returns the URI schemes that TensorFlow opens, which models can have."""
    import tensorflow as tf

    return tuple(sorted({*tf.io.gfile.get_registered_schemes()} - {""}))


@functools.cache
def _readable_schemes() -> tuple[str, ...]:
    """Returns the URI schemes that both TensorFlow and Beam open, which logs can have."""
    from apache_beam.io.filesystems import FileSystems

    found = []
    for scheme in tensorflow_schemes():
        with contextlib.suppress(ValueError):  # a scheme unknown to Beam
            FileSystems.get_filesystem(f"{scheme}://")
            found.append(scheme)
    return tuple(found)
