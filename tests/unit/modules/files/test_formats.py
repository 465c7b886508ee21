"""Files are recognized by their first bytes, and texts are not taken for anything else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from modules.files import formats
from modules.files.formats import SAMPLE_BYTES
from tests.click_files import zstd

TEXT = b"SessionId\tItemId\tTime\n" + b"s\ti\t1442004589439\n" * 9


@pytest.mark.parametrize(
    ("pack", "codec"),
    [
        (gzip.compress, "gzip"),
        (bz2.compress, "bz2"),
        (lzma.compress, "xz"),
        (lambda text: lzma.compress(text, lzma.FORMAT_ALONE), "xz"),
        (zstd, "zstd"),
        (bytes, ""),
    ],
    ids=["gz", "bz2", "xz", "lzma", "zst", "text"],
)
@pytest.mark.parametrize("text", [TEXT, b""], ids=["rows", "empty"])
def test_what_a_packer_wrote_is_told_by_its_codec(pack, codec: str, text: bytes) -> None:
    assert formats.codec_of(pack(text)[:SAMPLE_BYTES]) == codec


def test_a_packed_part_in_a_text_is_found_where_it_begins() -> None:
    assert formats.packed_part(TEXT + gzip.compress(TEXT)) == (len(TEXT), "gzip")
    assert formats.packed_part(TEXT + bz2.compress(TEXT)) == (len(TEXT), "bz2")
    assert formats.packed_part(TEXT + b"BZh9 is an id") is None


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("clicks.tsv", TEXT)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("clicks.tsv"))
    return file.getvalue()


def _table(write) -> bytes:
    file = io.BytesIO()
    write(pa.table({"SessionId": ["s"]}), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (_zip(), "is a ZIP archive or an Excel workbook: unpack it first, or save it as CSV"),
        (_tar(), "is a tar archive: unpack it with: tar -xf FILE"),
        (_table(pa.parquet.write_table), "is a Parquet file: write its rows as CSV or TSV text"),
        (_table(pa.feather.write_feather), "is an Arrow file: write its rows as CSV or TSV text"),
        (pickle.dumps([1]), "is a pickle of Python: write its rows as CSV or TSV text"),
        (gzip.compress(TEXT), "is compressed twice (with gzip inside): unpack it once"),
        (TEXT.decode().encode("utf-16"), "is UTF-16 text: write it as UTF-8"),
        (TEXT.decode().encode("utf-32"), "is UTF-32 text: write it as UTF-8"),
        (TEXT.decode().encode("utf-16-le"), "is UTF-16 text without a byte-order mark: .*UTF-16LE"),
        (TEXT.decode().encode("utf-16-be"), "is UTF-16 text without a byte-order mark: .*UTF-16BE"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is Git LFS's pointer to a file"),
        (TEXT + b"\0", f"is not text: byte {len(TEXT)} is 0: write its rows as UTF-8 text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_not_text_is_named_with_the_fix(sample: bytes, words: str) -> None:
    found = formats.what_is_wrong(sample[:SAMPLE_BYTES])
    assert found is not None
    start, _, end = words.partition(".*")
    assert found.startswith(start) and end in found


def test_a_database_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "clicks.db") as database:
        database.execute("CREATE TABLE clicks (item TEXT)")
    found = formats.what_is_wrong((tmp_path / "clicks.db").read_bytes())
    assert found == "is an SQLite database: write its rows as CSV or TSV text"


@pytest.mark.parametrize(
    "text",
    [TEXT, b"", b"PAR1\ti\t5\n", b"ORCHID\ti\t5\n", b"BZh1\ti\t5\n", b"PK\ti\t5\n", "Ö".encode()],
)
def test_a_text_is_a_text_whatever_it_begins_with(text: bytes) -> None:
    assert formats.what_is_wrong(text) is None


def test_a_line_is_binary_by_its_control_characters() -> None:
    assert formats.is_binary(b"a\0b") and formats.is_binary(b"\x07")
    assert not formats.is_binary(b"a\tb\r\x0b\x0c\x01\x1c\x1d\x1e\x1f\xff")
