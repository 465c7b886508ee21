"""Formats by content; any damage to a file of any format is a reject or a clear stop."""

import bz2
import gzip
import lzma

import pytest

from modules.config.options.sessions import SessionOptions
from modules.row_formats.recognised import inspect
from modules.sessions.sessions import SessionDataError
from tests import file_uris, fuzz_formats, log_formats
from tests.click_files import zstd

ROWS = [(number // 3, f"item {number}", 1442004589439 + number) for number in range(200)]
EVENTS = [(b"%d" % session, item.encode(), time) for session, item, time in ROWS]


def events_of(path, options=SessionOptions(), size=900):  # noqa: B008 (frozen)
    parts = inspect(path, options).parts(100_000, size)
    found = [rows for part in parts for rows in part.read(path, options)]
    assert not any(rows.rejects for rows in found)
    return [each for rows in found for each in zip(*rows[:3], strict=True)]


@pytest.mark.parametrize("name", log_formats.FORMATS)
def test_every_format_gives_the_same_rows_whatever_its_name(tmp_path, name):
    content = log_formats.FORMATS[name](ROWS)
    for file in (tmp_path / f"clicks.{name}", tmp_path / "clicks.csv"):
        if name.startswith("tsv") and file.suffix == ".csv":
            continue
        file.write_bytes(content)
        assert events_of(str(file)) == EVENTS
    file_uris.write(file_uris.uri(tmp_path / f"there/clicks.{name}"), content)
    assert events_of(file_uris.uri(tmp_path / f"there/clicks.{name}"), size=10**6) == EVENTS


@pytest.mark.parametrize("name", log_formats.NESTED)
def test_every_format_of_sessions_gives_the_same_rows(tmp_path, name):
    path = tmp_path / "otto"
    path.write_bytes(log_formats.NESTED[name](log_formats.nested_records(ROWS)))
    assert events_of(str(path), SessionOptions(**log_formats.OTTO)) == EVENTS


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
@pytest.mark.parametrize("name", ["parquet", "avro"])
def test_a_packed_table_is_refused(tmp_path, name, pack):
    path = tmp_path / f"a.{name}.gz"
    path.write_bytes(pack(log_formats.FORMATS[name](ROWS)))
    with pytest.raises(SessionDataError, match=r"that was compressed with .*: unpack it first"):
        inspect(str(path), SessionOptions())


@pytest.mark.parametrize("name", ["parquet", "avro"])
def test_a_table_that_is_cut_names_its_file(tmp_path, name):
    path = tmp_path / "a"
    path.write_bytes(log_formats.FORMATS[name](ROWS)[:200])
    with pytest.raises(SessionDataError, match=f"^{path} is damaged: "):
        inspect(str(path), SessionOptions())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SessionDataError, match=r"none cannot be read: "):
        inspect(str(tmp_path / "none"), SessionOptions())


@pytest.mark.parametrize("name", fuzz_formats.CHECKS)
def test_damage_is_a_reject_with_a_reason_or_a_clear_stop(tmp_path, name):
    outcomes = fuzz_formats.run(name, range(60), tmp_path)
    assert outcomes.total() == 60
    assert outcomes["stopped"] + outcomes["rejected"] > 20


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", fuzz_formats.CHECKS)
def test_much_damage_is_a_reject_with_a_reason_or_a_clear_stop(tmp_path, name):
    assert fuzz_formats.run(name, range(2000), tmp_path).total() == 2000
