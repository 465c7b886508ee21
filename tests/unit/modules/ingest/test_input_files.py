"""Input files of SessionExampleGen: patterns, headers, pieces, what cannot be used."""

import bz2
import gzip
import lzma
import random

import pytest

from modules.files.compression import BrokenFileError
from modules.ingest import input_files
from modules.sessions.sessions import SessionDataError
from tests import file_uris
from tests.click_files import HEADER, find, rows_text, zstd


def test_files_come_by_glob_in_name_order_each_with_its_own_header(tmp_path):
    (tmp_path / "b.tsv").write_bytes(b"Time\tItemId\tSessionId\tExtra\n1\ti\ts\tx\n")
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf" + HEADER + b"s\ti\t1\n")
    (split,) = find(tmp_path, {"train": "*.tsv"})
    assert [file.path for file in split.files] == [str(tmp_path / n) for n in ("a.tsv", "b.tsv")]
    assert [file.rank for file in split.files] == [0, 1]
    assert [tuple(file.columns)[1:5] for file in split.files] == [(3, 0, 1, 2), (4, 2, 1, 0)]


def test_an_absolute_pattern_needs_no_base(tmp_path):
    (tmp_path / "a.tsv").write_bytes(HEADER + b"s\ti\t1\n")
    (split,) = find("/nowhere", {"train": str(tmp_path / "a.tsv")})
    assert split.names() == str(tmp_path / "a.tsv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.tsv", b"", "{path} is empty: it has 0 bytes, expected a header line and rows."),
        (
            "header.tsv",
            HEADER,
            "{path} is empty: it has only the line 'SessionId\\tItemId\\tTime\\n', "
            "expected a header line and rows.",
        ),
        (
            "columns.tsv",
            b"SessionId\tItem\tTime\ns\ti\t1\n",
            "{path} has no column 'ItemId': its first line, split at '\\t', names "
            "'SessionId', 'Item', 'Time'. Correct the header, or set sessions.item_column or "
            "sessions.delimiter.",
        ),
        ("cut.tsv.gz", gzip.compress(HEADER)[:-9], "{path} cannot be read: it ends before its"),
        (
            "twice.gz",
            gzip.compress(gzip.compress(HEADER)),
            "{path} is compressed twice (with gzip inside): unpack it once.",
        ),
        ("utf16.tsv", HEADER.decode().encode("utf-16"), "{path} is UTF-16 text: write it as UTF-8"),
        ("a.parquet", b"PAR1\x15\x04\x15", "{path} is a Parquet file: write its rows as CSV"),
        ("a.xlsx", b"PK\x03\x04\x14\0", "{path} is a ZIP archive or an Excel workbook: "),
        (
            "a.Z",
            b"\x1f\x9d\x90S",
            "{path} is compressed with `compress`: unpack it with: uncompress",
        ),
        ("a.tgz", gzip.compress(b"a.tsv".ljust(257, b"\0") + b"ustar"), "{path} is a tar archive"),
        ("a.bin", b"a\tb\0\n1", "{path} is not text: byte 3 is 0"),
        ("mac.tsv", HEADER.replace(b"\n", b"\r") * 2, "{path} has lines that end in a carriage"),
        ("long.tsv", b"x" * (1 << 20) + b"\n", "{path} has a first line of more than 1,048,576"),
        ("none.tsv.gz", gzip.compress(b""), "{path} is empty: it has 0 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0] != "{" else "",
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SessionDataError) as caught:
        find(tmp_path, {"train": name})
    assert str(caught.value).startswith(message.format(path=tmp_path / name))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SessionDataError) as caught:
        find(tmp_path, {"train": "no*.tsv"})
    assert str(caught.value) == (
        f"Split 'train' has no input file: {tmp_path}/no*.tsv matches nothing. "
        "Name a file, or a pattern of files such as folder/*.tsv."
    )


@pytest.mark.parametrize("delimiter", ["", ",", "\t", '"'])
def test_a_huge_first_line_is_quoted_in_part(tmp_path, delimiter):
    header = delimiter.join(["x" * 100_000] * 30)
    for text in (header, f"{header}\ns\ti\t1\n"):
        (tmp_path / "a.tsv").write_text(text)
        with pytest.raises(SessionDataError) as caught:
            find(tmp_path, {"train": "a.tsv"})
        assert len(str(caught.value)) < 3_000
        assert "xxxx" in str(caught.value) and "more characters" in str(caught.value)


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "week").mkdir()
    with pytest.raises(SessionDataError, match=f"matches only the folder {tmp_path}/week"):
        find(tmp_path, {"train": "week"})


def test_files_are_found_as_the_first_check_finds_them(tmp_path):
    for place in (str(tmp_path / "here"), file_uris.uri(tmp_path / "bucket")):
        for name in ("logs/a.tsv", "logs/2024/01/b.tsv", "logs/.old.tsv", "train[1].tsv"):
            file_uris.write(f"{place}/{name}", HEADER + b"s\ti\t1\n")
        patterns = {"train": "logs/**/*.tsv", "eval": "train[1].tsv"}
        train, eval_ = find(place, patterns)
        paths = [f"{place}/logs/2024/01/b.tsv", f"{place}/logs/a.tsv"]
        assert [file.path for file in train.files] == paths
        assert [file.path for file in eval_.files] == [f"{place}/train[1].tsv"]
        assert find("/", {name: f"{place}/{pattern}" for name, pattern in patterns.items()}) == [
            train,
            eval_,
        ]
        (piece, _) = input_files.pieces([train])
        assert list(input_files.read_piece(piece)) == [(len(HEADER), b"s\ti\t1\n")]


def test_a_place_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SessionDataError, match=r"^Split 'train': s3://b/x\.tsv: s3:// cannot be"):
        find(tmp_path, {"train": "s3://b/x.tsv"})


def test_pieces_of_any_length_have_every_row_once(tmp_path):
    draw = random.Random(2)
    rows = [(b"s", b"x" * draw.randrange(1, 40), number) for number in range(60)]
    for end in (b"\n", b"\r\n"):
        text = HEADER + rows_text(rows, end)
        for last in (text, text.removesuffix(end)):
            (tmp_path / "a.tsv").write_bytes(last)
            inputs = find(tmp_path, {"train": "a.tsv"})
            for size in (1, 2, 3, 7, 16, 50, 333, len(last), 10**6):
                read = [
                    (offset, lines)
                    for piece in input_files.pieces(inputs, size)
                    for offset, lines in input_files.read_piece(piece)
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


def read_all(folder, name):
    (piece,) = input_files.pieces(find(folder, {"train": name}))
    return list(input_files.read_piece(piece, block_bytes=10_000))


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
        with pytest.raises((BrokenFileError, SessionDataError)):
            read_all(tmp_path, "a.tsv")


def test_a_file_that_is_removed_meanwhile_is_named(tmp_path, monkeypatch):
    gone = str(tmp_path / "gone.tsv")
    monkeypatch.setattr(input_files.patterns, "find_files", lambda pattern: [gone])
    with pytest.raises(SessionDataError, match=r"gone\.tsv cannot be read: "):
        find(tmp_path, {"train": "*.tsv"})


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
    (piece,) = input_files.pieces(find(tmp_path, {"train": "a.tsv.gz"}))
    blocks = list(input_files.read_piece(piece, block_bytes=64))
    assert len(blocks) > 5
    assert all(text[offset:].startswith(lines) for offset, lines in blocks)
    assert b"".join(lines for _, lines in blocks) == text[len(HEADER) :]
