"""A fingerprint of input files by their names, lengths and times.

TFX's has modification times in whole seconds only: it misses a file that changed within a second of
the last run but kept its length, and two files whose names were swapped (names order events of
equal time). This one is over exactly the files that are read, with nanoseconds for local files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from modules.files.file_systems import FilePatternError, place_of
from modules.files.patterns import find_files


class FingerprintError(ValueError):
    """Files cannot be accessed; the message names split and file."""


def files_fingerprint(splits: Sequence[tuple[str, str]]) -> str:
    """Returns a digest of name, length and modification time of all files, split by split.

    Args:
      splits: names of splits, each with a pattern; a split may come several times.

    Raises:
      FingerprintError: files cannot be accessed.
    """
    digest = hashlib.sha256()
    for split, pattern in splits:
        digest.update(f"split {split}\n".encode())
        try:
            place = place_of(pattern)
            for path in find_files(pattern):
                try:
                    digest.update(f"{path}\n{place.stamp(path)}\n".encode())
                except place.errors as error:  # removed meanwhile
                    raise FingerprintError(
                        f"Split {split!r}: {path} cannot be read: {error}"
                    ) from error
        except FilePatternError as error:
            raise FingerprintError(f"Split {split!r}: {error}") from error
    return digest.hexdigest()[:16]
