"""Ids are found in all kinds of files, and what holds them is named."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.forget.search import holders_of


def test_ids_are_found_in_files_of_any_kind(tmp_path: Path) -> None:
    (tmp_path / "artifacts" / "Node" / "output" / "7" / "deep").mkdir(parents=True)
    (tmp_path / "artifacts/Node/output/7/deep/file.gz").write_bytes(gzip.compress(b"a secret-1"))
    (tmp_path / "pushed" / "17" / "assets").mkdir(parents=True)
    (tmp_path / "pushed/17/assets/ids").write_text("secret-1\n")
    table = pa.table({"session_id": [b"secret-1", b"other"], "value": [1, 2]})
    pq.write_table(table, tmp_path / "table.parquet", compression="zstd")
    with sqlite3.connect(tmp_path / "some.sqlite") as store:
        store.execute("create table texts (value text)")
        store.execute("insert into texts values ('secret-1')")
    (tmp_path / "secret-1.txt").write_text("nothing")
    (tmp_path / "note.txt").write_text("secret-10 and asecret-1")
    found = holders_of(tmp_path, {b"secret-1"})
    assert {str(path.relative_to(tmp_path)) for path in found} == {
        "artifacts/Node/output/7",
        "pushed/17",
        "table.parquet",
        "some.sqlite",
        "secret-1.txt",
    }
    assert not holders_of(tmp_path, {b"secret-1"}, without=set(found))


def test_a_damaged_file_is_searched_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"secret-1" * 99)[:20])
    (tmp_path / "half.parquet").write_bytes(b"PAR1 secret-1 ")
    assert set(holders_of(tmp_path, {b"secret-1"})) == {tmp_path / "half.parquet"}
