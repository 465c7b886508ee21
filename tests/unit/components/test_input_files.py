"""Input files of SessionExampleGen: patterns, headers, pieces, what cannot be used."""

import gzip
import random
from pathlib import Path

import pytest

from components.session_example_gen import input_files
from modules.sessions import SessionDataError
from tests import ram_files
from tests.click_files import HEADER, find, rows_text


def test_files_come_by_glob_in_name_order_each_with_its_own_header(tmp_path):
    (tmp_path / "b.tsv").write_bytes(b"Time\tItemId\tSessionId\tExtra\n1\ti\ts\tx\n")
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf" + HEADER + b"s\ti\t1\n")
    (split,) = find(tmp_path, {"train": "*.tsv"})
    assert [file.path for file in split.files] == [str(tmp_path / n) for n in ("a.tsv", "b.tsv")]
    assert [file.rank for file in split.files] == [0, 1]
    assert [tuple(file.columns)[1:] for file in split.files] == [(3, 0, 1, 2), (4, 2, 1, 0)]


def test_an_absolute_pattern_needs_no_base(tmp_path):
    (tmp_path / "a.tsv").write_bytes(HEADER + b"s\ti\t1\n")
    (split,) = find("/nowhere", {"train": str(tmp_path / "a.tsv")})
    assert split.names() == str(tmp_path / "a.tsv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.tsv", b"", "{path} is empty: it holds 0 bytes, expected a header line and rows."),
        (
            "header.tsv",
            HEADER,
            "{path} is empty: it holds only the line 'SessionId\\tItemId\\tTime\\n', "
            "expected a header line and rows.",
        ),
        (
            "columns.tsv",
            b"SessionId\tItem\tTime\ns\ti\t1\n",
            "{path} has no column 'ItemId': its first line, split at '\\t', names "
            "'SessionId', 'Item', 'Time'. Mend the header, or set sessions.item_column or "
            "sessions.delimiter.",
        ),
        (
            "packed.tsv",
            gzip.compress(HEADER + b"s\ti\t1\n"),
            "{path} is compressed with gzip: its name must end in .gz.",
        ),
        ("plain.tsv.gz", HEADER + b"s\ti\t1\n", "{path} cannot be read: Not a gzipped file"),
        ("cut.tsv.gz", gzip.compress(HEADER)[:-9], "{path} cannot be read: Compressed file ended"),
        ("none.tsv.gz", gzip.compress(b""), "{path} is empty: it holds 0 bytes"),
    ],
    ids=["empty", "header only", "column", "packed", "not packed", "cut off", "packed empty"],
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


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "week").mkdir()
    with pytest.raises(SessionDataError, match=f"matches only the folder {tmp_path}/week"):
        find(tmp_path, {"train": "week"})


def test_files_are_found_as_the_first_check_finds_them(tmp_path):
    bucket = f"ram://input{tmp_path}"
    for place, write in ((tmp_path, _write), (bucket, ram_files.write)):
        for name in ("logs/a.tsv", "logs/2024/01/b.tsv", "logs/.old.tsv", "train[1].tsv"):
            write(f"{place}/{name}", HEADER + b"s\ti\t1\n")
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


def _write(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)


def test_a_place_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SessionDataError, match=r"^Split 'train': s3://b/x\.tsv: s3:// cannot be"):
        find(tmp_path, {"train": "s3://b/x.tsv"})


def test_training_files_are_not_judged_on(tmp_path):
    (tmp_path / "train.tsv").write_bytes(HEADER + b"s\ti\t1\n")
    (tmp_path / "test.tsv").write_bytes(HEADER + b"s\ti\t1\n")
    with pytest.raises(SessionDataError, match=r"test\.tsv is read for split 'train' and"):
        find(tmp_path, {"train": "*.tsv", "test": "test.tsv"})


def test_pieces_of_any_length_hold_every_row_once(tmp_path):
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


def test_a_packed_file_gives_the_offsets_of_its_text(tmp_path):
    text = HEADER + rows_text([(b"s", b"item%d" % n, n) for n in range(100)])
    # Two members, as `cat a.gz b.gz` makes them.
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text[:500]) + gzip.compress(text[500:]))
    (piece,) = input_files.pieces(find(tmp_path, {"train": "a.tsv.gz"}))
    blocks = list(input_files.read_piece(piece, block_bytes=64))
    assert len(blocks) > 5
    assert all(text[offset:].startswith(lines) for offset, lines in blocks)
    assert b"".join(lines for _, lines in blocks) == text[len(HEADER) :]
