"""Input files of SessionExampleGen: patterns, headers, pieces, what cannot be used."""

import gzip

import pytest

from modules.config.options.sessions import SessionOptions
from modules.ingest import input_files
from modules.row_formats.json_lines import JsonLines
from modules.sessions.sessions import SessionDataError
from tests import file_uris
from tests.click_files import HEADER, find


def test_files_come_by_glob_in_name_order_each_with_its_own_header(tmp_path):
    (tmp_path / "b.tsv").write_bytes(b"Time\tItemId\tSessionId\tExtra\n1\ti\ts\tx\n")
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf" + HEADER + b"s\ti\t1\n")
    (split,) = find(tmp_path, {"train": "*.tsv"})
    assert [file.path for file in split.files] == [str(tmp_path / n) for n in ("a.tsv", "b.tsv")]
    assert [file.rank for file in split.files] == [0, 1]
    assert [tuple(file.contents.columns)[1:5] for file in split.files] == [
        (3, 0, 1, 2),
        (4, 2, 1, 0),
    ]


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
        ("a.parquet", b"PAR1\x15\x04\x15", "{path} is damaged: PyArrow cannot read it"),
        (
            "a.parquet.gz",
            gzip.compress(b"PAR1\x15\x04\x15"),
            "{path} is a Parquet file that was compressed with gzip: unpack it first.",
        ),
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
        (rows,) = piece.part.read(piece.path, SessionOptions())
        assert (rows.item_ids, rows.offsets) == ([b"i"], [len(HEADER)])


def test_a_place_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SessionDataError, match=r"^Split 'train': s3://b/x\.tsv: s3:// cannot be"):
        find(tmp_path, {"train": "s3://b/x.tsv"})


def test_a_file_that_is_removed_meanwhile_is_named(tmp_path, monkeypatch):
    gone = str(tmp_path / "gone.tsv")
    monkeypatch.setattr(input_files.patterns, "find_files", lambda pattern: [gone])
    with pytest.raises(SessionDataError, match=r"gone\.tsv cannot be read: "):
        find(tmp_path, {"train": "*.tsv"})


@pytest.mark.parametrize(("number", "pieces"), [(1, 8), (16, 8), (17, 1)])
def test_packed_files_are_cut_unless_there_are_many(tmp_path, number, pieces):
    text = HEADER + b"".join(b"%d\t%d\t%d\n" % (n, n * n % 9973, n) for n in range(2000))
    for file in range(number):
        (tmp_path / f"{file:02}.tsv.gz").write_bytes(gzip.compress(text))
    found = list(input_files.pieces(find(tmp_path, {"train": "*.gz"}), 1000))
    assert len(found) == number * pieces
    read = [rows for piece in found for rows in piece.part.read(piece.path, SessionOptions())]
    assert sum(len(rows.times) for rows in read) == number * 2000


def test_a_large_compressed_file_is_a_warning_that_says_what_to_do():
    def split_of(codec, length):
        file = input_files.InputFile("/logs/a.jsonl.gz", 0, JsonLines(codec), length)
        return [input_files.InputSplit("train", (file,))]

    assert input_files.large_packed(split_of("", 1 << 40)) == []
    assert input_files.large_packed(split_of("bz2", 256 << 20)) == []
    assert input_files.large_packed(split_of("gzip", 2048 << 20)) == []
    assert input_files.large_packed(split_of("bz2", (256 << 20) + 1)) == [
        "/logs/a.jsonl.gz has 268 MB, compressed with bz2: one worker reads all of it, while the "
        "others wait. Unpack it, or write it as several files that a pattern names: "
        "docs/own-data.md says how."
    ]
    (warning,) = input_files.large_packed(split_of("gzip", (2048 << 20) + 1))
    assert "compressed with gzip: at most 8 workers read it" in warning
