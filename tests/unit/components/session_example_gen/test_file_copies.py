"""Files that two splits read, or one reads twice, by any name."""

import bz2
import gzip
import os
import random
import shutil

import pytest

from components.session_example_gen import file_copies
from components.session_example_gen.file_copies import check_copies
from modules.sessions.sessions import SessionDataError
from tests.click_files import HEADER, find

ROWS = b"s\ti\t1\ns\tj\t2\n"


def refused(folder, **patterns):
    with pytest.raises(SessionDataError) as caught:
        check_copies(find(folder, patterns))
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.tsv").write_bytes(HEADER + ROWS)
    (tmp_path / "other.tsv").write_bytes(HEADER + ROWS.replace(b"j", b"k"))
    return tmp_path


def test_the_same_path_is_refused(folder):
    message = refused(folder, train="*.tsv", test="train.tsv")
    assert f"{folder}/train.tsv is read for split 'train' and for split 'test'" in message
    assert message.endswith("without EVAL and TEST both are cut from the end of TRAIN.")


@pytest.mark.parametrize(
    ("copy", "what"),
    [
        (shutil.copy, "hold the same bytes"),
        (lambda a, b: b.symlink_to(a), "are the same file"),
        (lambda a, b: os.link(a, b), "are the same file"),
    ],
    ids=["copy", "symbolic link", "hard link"],
)
@pytest.mark.parametrize("splits", [("train", "test"), ("train", "eval"), ("eval", "test")])
def test_a_copy_or_a_link_is_refused_between_any_two_splits(folder, copy, what, splits):
    (folder / "z").mkdir()
    copy(folder / "train.tsv", folder / "z" / "copied.tsv")
    patterns = {"train": "other.tsv", splits[0]: "train.tsv", splits[1]: "z/*.tsv"}
    message = refused(folder, **patterns)
    assert (
        f"{folder}/train.tsv (split {splits[0]!r}) and {folder}/z/copied.tsv "
        f"(split {splits[1]!r}) {what}" in message
    )


def test_a_linked_folder_is_seen_through(folder):
    (folder / "link").symlink_to(folder)
    assert "are the same file" in refused(folder, train="train.tsv", test="link/train.tsv")


def test_files_of_equal_length_that_differ_are_fine(folder):
    check_copies(find(folder, {"train": "train.tsv", "test": "other.tsv"}))


def test_many_files_of_equal_length_are_not_opened_in_pairs(folder, monkeypatch):
    for number in range(20):
        (folder / f"a{number:02}.tsv").write_bytes(HEADER + ROWS.replace(b"j", b"%02d" % number))
        (folder / f"b{number:02}.tsv").write_bytes(HEADER + ROWS.replace(b"i", b"%02d" % number))
    opened = []
    inputs = find(folder, {"train": "a*.tsv", "test": "b*.tsv"})
    open_text = file_copies.open_text
    monkeypatch.setattr(
        file_copies, "open_text", lambda path, codec: opened.append(path) or open_text(path, codec)
    )
    check_copies(inputs)
    assert len(opened) == 40


def test_files_that_differ_after_their_first_block_are_compared_whole(folder):
    long = HEADER + ROWS * 200_000
    (folder / "a.tsv").write_bytes(long + b"s\ti\t7\n")
    (folder / "b.tsv").write_bytes(long + b"s\ti\t8\n")
    check_copies(find(folder, {"train": "a.tsv", "test": "b.tsv"}))
    shutil.copy(folder / "a.tsv", folder / "b.tsv")
    assert "hold the same bytes" in refused(folder, train="a.tsv", test="b.tsv")


def test_many_copies_are_counted(folder):
    for number in range(7):
        shutil.copy(folder / "train.tsv", folder / f"t{number}.tsv")
    message = refused(folder, train="train.tsv", test="t?.tsv")
    assert message.count("hold the same bytes") == 5
    assert "... and 2 more" in message


def pack(folder, name, how):
    packed = folder / f"{name}.{'bz2' if how is bz2 else 'gz'}"
    packed.write_bytes(how.compress((folder / name).read_bytes()))
    return packed


def test_a_second_download_within_a_split_is_refused(folder):
    shutil.copy(folder / "train.tsv", folder / "train (1).tsv")
    message = refused(folder, train="*.tsv")
    assert (
        f"{folder}/train (1).tsv and {folder}/train.tsv (split 'train') hold the same bytes"
        in message
    )
    assert message.endswith("Narrow the pattern, or remove one of the two files.")
    assert "evaluated" not in message


@pytest.mark.parametrize("how", [gzip, bz2])
def test_a_packed_copy_is_refused_within_a_split_and_between_two(folder, how):
    packed = pack(folder, "train.tsv", how)
    sentence = f"{folder}/train.tsv and {packed} (split 'train') hold the same text"
    assert sentence in refused(folder, train="*")
    message = refused(folder, train="train.tsv", test="*.tsv.*")
    assert f"{packed} (split 'test') hold the same text" in message


def test_two_packings_of_a_text_are_copies(folder):
    pack(folder, "train.tsv", gzip)
    pack(folder, "train.tsv", bz2)
    assert "train.tsv.bz2 and" in refused(folder, train="train.tsv.*")


def test_packed_files_with_other_rows_are_fine(folder):
    pack(folder, "train.tsv", gzip)
    check_copies(find(folder, {"train": "train.tsv.gz", "test": "other.tsv"}))


def test_a_packed_file_that_is_cut_off_is_left_to_the_reader(folder):
    draw = random.Random(5)
    long = HEADER + b"".join(b"s%d\ti\t1\n" % draw.randrange(10**9) for _ in range(90_000))
    for name in ("a.tsv.gz", "b.tsv.gz"):
        (folder / name).write_bytes(gzip.compress(long)[:-9])
    check_copies(find(folder, {"train": "*.gz"}))


def test_copies_between_and_within_splits_are_named_at_once(folder):
    shutil.copy(folder / "train.tsv", folder / "train (1).tsv")
    message = refused(folder, train="train*.tsv", test="train.tsv")
    assert "hold the same bytes" in message
    assert "train.tsv is read for split 'train' and for split 'test'" in message
