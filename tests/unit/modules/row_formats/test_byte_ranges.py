"""Parts of files of lines, compressed or not."""

import bz2
import gzip
import lzma
import random

import pytest

from modules.files.compression import BrokenFileError
from modules.files.formats import codec_of
from modules.row_formats.byte_ranges import ranges, read_lines
from tests.click_files import HEADER, rows_text, zstd


def test_pieces_of_any_length_have_every_row_once(tmp_path):
    draw = random.Random(2)
    rows = [(b"s", b"x" * draw.randrange(1, 40), number) for number in range(60)]
    for end in (b"\n", b"\r\n"):
        text = HEADER + rows_text(rows, end)
        for last in (text, text.removesuffix(end)):
            (tmp_path / "a.tsv").write_bytes(last)
            for size in (1, 2, 3, 7, 16, 50, 333, len(last), 10**6):
                read = [
                    (offset, lines)
                    for start, end in ranges(len(HEADER), len(last), "", size)
                    for offset, lines in read_lines(str(tmp_path / "a.tsv"), "", start, end)
                ]
                assert b"".join(lines for _, lines in read) == last[len(HEADER) :], size
                assert all(last[offset:].startswith(lines) for offset, lines in read)


TEXT = HEADER + rows_text([(b"s%d" % n, b"item%d" % n, n) for n in range(3000)])


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda text: lzma.compress(text, lzma.FORMAT_ALONE),
    "zst": zstd,
}


def read_all(folder, name, block_bytes=10_000):
    file = folder / name
    codec = codec_of(file.read_bytes()[:4096])
    ((start, end),) = ranges(len(HEADER), file.stat().st_size, codec)
    return list(read_lines(str(file), codec, start, end, block_bytes))


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_compression_is_detected_by_content(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(TEXT))
    blocks = read_all(tmp_path, name)
    assert len(blocks) > 5
    assert b"".join(lines for _, lines in blocks) == TEXT[len(HEADER) :]
    assert all(TEXT[offset:].startswith(lines) for offset, lines in blocks)


def test_an_uncompressed_file_may_have_a_compressed_name(tmp_path):
    (tmp_path / "a.tsv.gz").write_bytes(TEXT)
    assert read_all(tmp_path, "a.tsv.gz") == [(len(HEADER), TEXT[len(HEADER) :])]


@pytest.mark.parametrize("pack", [PACKERS[name] for name in ("gz", "bz2", "xz", "zst")])
def test_joined_members_are_all_read_and_damage_is_reported(tmp_path, pack):
    file = tmp_path / "a.tsv"
    whole = pack(TEXT[:5000]) + pack(TEXT[5000:])
    file.write_bytes(whole)
    assert b"".join(lines for _, lines in read_all(tmp_path, "a.tsv")) == TEXT[len(HEADER) :]
    second = len(pack(TEXT[:5000]))
    for broken in (
        whole[:-5],
        whole[: second + 9],
        whole[:second] + b"garbage" + whole[second + 7 :],
        whole + b"garbage",
    ):
        file.write_bytes(broken)
        with pytest.raises(BrokenFileError):
            read_all(tmp_path, "a.tsv")


def test_zeros_after_a_gzip_file_are_padding(tmp_path):
    (tmp_path / "a.gz").write_bytes(
        gzip.compress(TEXT) + b"\0" * 70_000 + gzip.compress(b"s\ti\t1\n")
    )
    text = b"".join(lines for _, lines in read_all(tmp_path, "a.gz"))
    assert text == TEXT[len(HEADER) :] + b"s\ti\t1\n"


def test_a_packed_file_gives_the_offsets_of_its_text(tmp_path):
    text = HEADER + rows_text([(b"s", b"item%d" % n, n) for n in range(100)])
    # Two members, as `cat a.gz b.gz` makes them.
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text[:500]) + gzip.compress(text[500:]))
    blocks = read_all(tmp_path, "a.tsv.gz", block_bytes=64)
    assert len(blocks) > 5
    assert all(text[offset:].startswith(lines) for offset, lines in blocks)
    assert b"".join(lines for _, lines in blocks) == text[len(HEADER) :]
