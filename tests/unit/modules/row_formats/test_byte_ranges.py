"""Parts of files of lines, compressed or not."""

import bz2
import gzip
import lzma
import random

import pytest

from modules.files.compression import BrokenFileError
from modules.files.formats import codec_of
from modules.row_formats.byte_ranges import most_parts, ranges, read_lines, text_ratio
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


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("ratio", [0.1, 0.7, 1.0, 1.4, 10.0])
def test_parts_of_a_packed_file_have_every_row_once(tmp_path, codec, ratio):
    """Whatever the estimate of its text is worth."""
    draw = random.Random(3)
    rows = [(b"s", b"x" * draw.randrange(1, 40), number) for number in range(300)]
    file, pack = tmp_path / "a", {"gzip": gzip.compress, "zstd": zstd}[codec]
    for first, last in ((HEADER, b""), (b"", rows_text(rows[:1])[:-1])):
        text = first + rows_text(rows) + last
        file.write_bytes(pack(text))
        length, true = file.stat().st_size, len(text) / file.stat().st_size
        for size in (1, 7, 100, 999, len(text) // 3, 10**6):
            parts = list(ranges(len(first), length, codec, size, ratio * true))
            assert len(parts) <= most_parts(codec) == 8
            for block in (13, 10**6):
                read = [
                    found for part in parts for found in read_lines(str(file), codec, *part, block)
                ]
                assert b"".join(lines for _, lines in read) == text[len(first) :], (size, block)
                assert all(text[offset:].startswith(lines) for offset, lines in read)


def test_parts_of_a_packed_file_are_alike(tmp_path):
    file = tmp_path / "a.tsv.gz"
    text = b"".join(b"%d\t%d\t%d\n" % (n // 7, n * n % 9973, n) for n in range(200_000))
    file.write_bytes(gzip.compress(text))
    ratio = text_ratio(str(file), "gzip")
    assert ratio * file.stat().st_size == pytest.approx(len(text), rel=0.2)
    parts = list(ranges(0, file.stat().st_size, "gzip", 500_000, ratio))
    read = [
        sum(len(lines) for _, lines in read_lines(str(file), "gzip", *part, 1 << 16))
        for part in parts
    ]
    assert len(parts) > 4 and sum(read) == len(text)
    assert max(read) < 2 * min(read)


def test_slow_codecs_are_not_cut():
    for codec in ("bz2", "xz"):
        assert len(list(ranges(0, 1 << 30, codec, 1000, 4.0))) == 1


def test_the_sample_of_a_file_of_little_variety_is_short(tmp_path):
    """A few kilobytes may be gigabytes of text."""
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"1\t1\t1\n" * 20_000_000))
    assert text_ratio(str(file), "gzip") == 256  # 16 MiB from the first 64 KiB


def test_damage_is_reported_by_a_part_whatever_the_others_read(tmp_path):
    file = tmp_path / "a.tsv.gz"
    whole = gzip.compress(TEXT)
    file.write_bytes(whole[:-5])
    parts = list(ranges(len(HEADER), len(whole), "gzip", 1000, text_ratio(str(file), "gzip")))
    assert len(parts) == 8
    for part in parts[:2]:
        assert list(read_lines(str(file), "gzip", *part))
    with pytest.raises(BrokenFileError):
        list(read_lines(str(file), "gzip", *parts[-1]))
