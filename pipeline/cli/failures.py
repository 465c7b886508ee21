"""Failures that are not the program's own: paths that cannot be used, a full disk."""

from __future__ import annotations

import errno
import os
import sys
import sysconfig
from collections.abc import Iterable

import click

from modules.messages.quoting import quote, shorten
from pipeline.paths import PROJECT

_PACKAGES = ("modules", "components", "serving", "pipeline")
_CANNOT_BE_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def check_text(words: Iterable[str]) -> None:
    """Checks that the words of a command line are UTF-8, as ids, logs and metadata are.

    Raises:
      click.UsageError: one is not.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(
                f"{quote(os.fsencode(word))} is not valid UTF-8: type it in UTF-8, and rename a "
                "file of that name"
            ) from error


def discard_unwritable_output() -> None:
    """Drops what stdout still holds if it cannot be written: Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def describe(error: OSError) -> str | None:
    """Returns a sentence about a path that cannot be used, or output that cannot be written.

    Returns:
      None for any other error, and for a file of the program itself: a bug, whose traceback is
      needed.
    """
    if error.errno in _CANNOT_BE_WRITTEN and error.filename is None:
        return f"The output cannot be written: {error.strerror}."
    if not isinstance(error.filename, (str, bytes)) or error.strerror is None:
        return None
    path = os.path.abspath(os.fsdecode(error.filename))
    if any(os.path.commonpath([path, folder]) == folder for folder in _own_folders()):
        return None
    return (
        f"{shorten(path)} cannot be used: {error.strerror}. Check the path, the rights to it and "
        "the free space."
    )


def _own_folders() -> list[str]:
    installed = sysconfig.get_paths()
    return [
        *(str(PROJECT / name) for name in _PACKAGES),
        *(os.path.abspath(installed[name]) for name in ("stdlib", "purelib", "platlib")),
    ]
