from __future__ import annotations

from pathlib import Path

import pytest

from modules.configuration import FeatureOptions
from modules.vocabulary import read_vocabulary

LINES = b"-1 [PAD]\n-1 [UNK]\n5 a b\n3 c\n1 d\n"


def _write(folder: Path, content: bytes = LINES) -> Path:
    file = folder / "vocabulary"
    file.write_bytes(content)
    return file


def test_reads_ids_with_spaces_and_their_counts(tmp_path: Path) -> None:
    vocabulary = read_vocabulary(_write(tmp_path), FeatureOptions())
    assert vocabulary.item_ids.tolist() == [b"a b", b"c", b"d"]
    assert vocabulary.counts.tolist() == [5, 3, 1]
    assert vocabulary.catalogue_size == 3


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (FeatureOptions(min_item_count=2), 2),
        (FeatureOptions(max_catalogue=1), 1),
        (FeatureOptions(min_item_count=4, max_catalogue=2), 1),
    ],
)
def test_the_catalogue_is_cut_from_the_tail(
    tmp_path: Path, options: FeatureOptions, size: int
) -> None:
    assert read_vocabulary(_write(tmp_path), options).catalogue_size == size


def test_an_empty_catalogue_says_what_to_lower(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"min_item_count=9.*most frequent one has 5"):
        read_vocabulary(_write(tmp_path), FeatureOptions(min_item_count=9))


def test_a_file_without_reserved_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must start with"):
        read_vocabulary(_write(tmp_path, b"5 a\n3 b\n1 c\n"), FeatureOptions())
