"""The SQLite file of ML Metadata, checked before a run relies on it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_VERSION_TABLE = "MLMDEnv"
_LOCK_SECONDS = 5.0  # how long another program may hold the file
_FIX = (
    "Restore a copy of it, name another folder with OUT=folder, or remove the file: the next run "
    "then runs every node again, and pushed models stay."
)


class MetadataFileError(ValueError):
    """The file cannot be used; the message says why, and how to fix it."""

    def __init__(self, file: Path, reason: str, fix: str = _FIX):
        """Makes the message."""
        super().__init__(f"The run's metadata {file} cannot be used: {reason}. {fix}")


def check_metadata_file(file: Path | str) -> None:
    """Checks that a run can use a file, be it missing or empty.

    Raises:
      MetadataFileError: it is not a file, not a database, damaged, or of another version.
    """
    file = Path(file)
    if not holds_runs(file):
        return
    record = _record_of(file)
    if record.is_file() and record.read_text("utf-8", errors="replace").strip() != _digest(file):
        reason = f"it has changed since the last run ended (if that is intended: rm {record})"
        raise MetadataFileError(file, reason)
    _connect(file, can_write=False)


def holds_runs(file: Path | str) -> bool:
    """Returns whether a file exists and has tables; raises as `check_metadata_file`."""
    return Path(file).exists() and _has_tables(Path(file))


@contextlib.contextmanager
def digest_after_changes(file: Path | str, only_if_kept: bool = False) -> Iterator[None]:
    """Writes a digest of the file after the context, in which the file may change.

    A process killed inside the context leaves no digest, and the file is trusted as it is.

    Args:
      file: metadata file.
      only_if_kept: write no digest if there is none, as while another run is working.
    """
    file = Path(file)
    keeps = _record_of(file).exists() or not only_if_kept
    _record_of(file).unlink(missing_ok=True)
    try:
        yield
    finally:
        if keeps and file.is_file():
            _record_of(file).write_text(f"{_digest(file)}\n", "utf-8")


def _record_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _digest(file: Path) -> str:
    with open(file, "rb") as content:
        digest = hashlib.sha256()
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def open_store(file: Path | str, can_write: bool = False) -> Any:
    """Returns the MetadataStore of a file; raises MetadataFileError if it cannot be used."""
    file = Path(file)
    if not file.exists():
        raise MetadataFileError(file, "it does not exist")
    if not _has_tables(file):
        raise MetadataFileError(file, "it is empty")
    return _connect(file, can_write)


def _has_tables(file: Path) -> bool:
    if not file.is_file():
        raise MetadataFileError(file, "it is a folder" if file.is_dir() else "it is not a file")
    if not os.access(file, os.R_OK | os.W_OK):
        fix = "Give the user who runs this both rights, or name another folder with OUT=folder."
        raise MetadataFileError(file, "this user may not read and write it", fix)
    try:
        # Not read-only: opening rolls back what a killed run left unfinished.
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=_LOCK_SECONDS, uri=True)
        ) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        if "locked" in str(error):
            fix = "Stop it first."
            raise MetadataFileError(file, "another program has locked it", fix) from error
        raise MetadataFileError(file, f"SQLite reports: {error}") from error
    if found != ["ok"]:
        raise MetadataFileError(file, f"it is damaged; SQLite reports: {found[0]}")
    if tables and _VERSION_TABLE not in tables:
        raise MetadataFileError(file, "it is the database of another program")
    return bool(tables)


def _connect(file: Path, can_write: bool) -> Any:
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    modes = metadata_store_pb2.SqliteMetadataSourceConfig
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    connection.sqlite.connection_mode = modes.READWRITE if can_write else modes.READONLY
    try:
        return metadata_store.MetadataStore(connection)
    except RuntimeError as error:  # such as another version's tables
        raise MetadataFileError(file, f"ML Metadata reports: {error}".rstrip(".\n ")) from error
