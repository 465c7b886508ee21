"""A metadata file that no run can use is named before a run, with what to do about it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2

from modules.files import mlmd_file
from modules.files.mlmd_file import (
    MetadataFileError,
    check_metadata_file,
    digest_after_changes,
    open_store,
)
from pipeline.cli.main import main
from pipeline.run.mlmd import read_run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store that has seen something."""
    file = tmp_path_factory.mktemp("store") / "metadata.sqlite"
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    store = ml_metadata.MetadataStore(connection)
    kind = metadata_store_pb2.ContextType(name="pipeline_run")
    kind_id = store.put_context_type(kind)
    for number in range(200):
        store.put_contexts([metadata_store_pb2.Context(type_id=kind_id, name=f"run {number}")])
    return file


def _edit(file: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute(statement)


def _cut(file: Path, share: float) -> None:
    os.truncate(file, int(file.stat().st_size * share))


def _garble(file: Path) -> None:
    with open(file, "r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * 3 * 4096)


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda file: file.write_text("SessionId\tItemId\n" * 99), "file is not a database"),
    "some bytes": (lambda file: _cut(file, 0.0003), "SQLite reports"),
    "half": (lambda file: _cut(file, 0.5), "malformed"),
    "garbled": (_garble, "SQLite reports"),
    "folder": (_replace_by_folder, "it is a folder"),
    "older": (lambda file: _edit(file, "UPDATE MLMDEnv SET schema_version=5"), "is older than"),
    "newer": (lambda file: _edit(file, "UPDATE MLMDEnv SET schema_version=99"), "is greater than"),
    "a table less": (lambda file: _edit(file, "DROP TABLE Event"), "subset of tables"),
    "another database": (
        lambda file: (file.unlink(), _edit(file, "CREATE TABLE shop (item)")),
        "it is the database of another program",
    ),
}


@pytest.fixture(params=sorted(BREAK))
def broken(request: pytest.FixtureRequest, good: Path, tmp_path: Path) -> tuple[Path, str]:
    """A broken file in a folder of a run, and what is said about it."""
    file = tmp_path / "metadata.sqlite"
    shutil.copy(good, file)
    change, words = BREAK[request.param]
    change(file)
    return file, words


def test_a_damaged_file_is_named_with_how_to_fix_it(broken: tuple[Path, str]) -> None:
    file, words = broken
    for look in (check_metadata_file, open_store, lambda file: read_run(file, "sample")):
        with pytest.raises(MetadataFileError) as error:
            look(file)
        message = str(error.value)
        assert message.startswith(f"The run's metadata {file} cannot be used: ")
        assert words in message and "OUT=folder" in message and "remove the file" in message


def test_a_run_stops_before_it_starts(
    broken: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, words = broken
    assert main(["run", "--preset", "sample", "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_a_renewal_stops_before_it_pushes(
    broken: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, words = broken
    (tmp_path / "pushed" / "1").mkdir(parents=True)
    (tmp_path / "pushed" / "1" / "saved_model.pb").touch()
    (tmp_path / "items.txt").write_text("a\n", "utf-8")
    assert main(["refresh", "--items", str(tmp_path / "items.txt"), "--out", str(tmp_path)]) == 1
    assert words in capsys.readouterr().err
    assert os.listdir(tmp_path / "pushed") == ["1"]


def test_good_files_are_used(good: Path, tmp_path: Path) -> None:
    check_metadata_file(good)
    assert len(open_store(good).get_contexts()) == 200
    check_metadata_file(tmp_path / "none.sqlite")
    (tmp_path / "empty.sqlite").touch()
    check_metadata_file(tmp_path / "empty.sqlite")
    assert (tmp_path / "empty.sqlite").stat().st_size == 0
    for name, words in (("none.sqlite", "it does not exist"), ("empty.sqlite", "it is empty")):
        with pytest.raises(MetadataFileError, match=words):
            open_store(tmp_path / name)


def test_unfinished_changes_of_a_killed_run_are_rolled_back(good: Path, tmp_path: Path) -> None:
    file = tmp_path / "a [b] %20 #?.sqlite"
    shutil.copy(good, file)
    dies = (  # inside a transaction, its journal left behind
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size=1')\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "db.execute('UPDATE Context SET name = name || hex(zeroblob(9000))')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", dies, str(file)], check=True, timeout=300)
    assert Path(f"{file}-journal").stat().st_size > 0
    check_metadata_file(file)
    assert len(open_store(file).get_contexts()) == 200


def test_a_locked_file_is_not_to_be_moved_away(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlmd_file, "_LOCK_SECONDS", 0.0)
    file = Path(shutil.copy(good, tmp_path))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MetadataFileError) as error:
            check_metadata_file(file)
    assert str(error.value).endswith("another program has locked it. Stop it first.")


def test_a_file_that_changed_since_the_last_run_is_refused(good: Path, tmp_path: Path) -> None:
    """SQLite sees no damage where the bytes of a value are others."""
    file = tmp_path / "metadata.sqlite"
    shutil.copy(good, file)
    with digest_after_changes(file):
        _edit(file, "UPDATE Context SET name='run' WHERE id=1")
    check_metadata_file(file)

    file.write_bytes(file.read_bytes().replace(b"run 77", b"run 7x"))

    with pytest.raises(MetadataFileError, match="changed since the last run ended"):
        check_metadata_file(file)
    (tmp_path / "metadata.sqlite.sha256").unlink()
    check_metadata_file(file)


def test_the_file_of_a_killed_run_is_trusted(good: Path, tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    shutil.copy(good, file)
    with digest_after_changes(file):
        pass
    with digest_after_changes(file):  # its end is not reached by who is killed
        _edit(file, "UPDATE Context SET name='run' WHERE id=1")
        check_metadata_file(file)


@pytest.mark.parametrize("content", ["", "\0\0", "no digest"])
def test_a_damaged_digest_is_named_with_how_to_go_on(
    good: Path, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "metadata.sqlite"
    shutil.copy(good, file)
    record = tmp_path / "metadata.sqlite.sha256"
    record.write_text(content)
    with pytest.raises(MetadataFileError, match=f"rm {record}"):
        check_metadata_file(file)


def test_who_writes_during_a_run_leaves_no_digest(good: Path, tmp_path: Path) -> None:
    """The run may be killed afterwards, when its own changes are half done."""
    file = tmp_path / "metadata.sqlite"
    shutil.copy(good, file)
    with digest_after_changes(file, only_if_kept=True):
        _edit(file, "UPDATE Context SET name='renewed' WHERE id=1")
    assert not (tmp_path / "metadata.sqlite.sha256").exists()
    with digest_after_changes(file):
        pass
    with digest_after_changes(file, only_if_kept=True):
        _edit(file, "UPDATE Context SET name='again' WHERE id=2")
    check_metadata_file(file)
    assert (tmp_path / "metadata.sqlite.sha256").exists()
