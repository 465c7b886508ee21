"""Opening of files, and messages about damaged ones."""

import doctest
import gzip

from modules.row_formats import parts
from modules.row_formats.parts import DamagedTableError, open_text, part_bytes
from tests import file_uris


def test_docstrings_tell_the_truth():
    assert doctest.testmod(parts).failed == 0


def test_parts_are_neither_larger_than_wanted_nor_too_many():
    assert part_bytes(10**12, 64) == 64
    assert part_bytes(0) == 2 << 20


def test_files_are_opened_by_path_and_uri_and_unpacked(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(b"text"))
    for path in (str(tmp_path / "a"), file_uris.uri(tmp_path / "a")):
        with open_text(path, "gzip") as text:
            assert text.read() == b"text"
        with open_text(path, "") as raw:
            assert raw.read(2) == b"\x1f\x8b"


def test_a_damaged_table_is_named_with_what_to_do():
    assert DamagedTableError("it is cut").of("a.parquet") == (
        "a.parquet is damaged: it is cut. Write or download it again, or exclude it from the "
        "pattern."
    )
