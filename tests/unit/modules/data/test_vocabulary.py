"""The item vocabulary as Transform writes it, and the catalogue cut from it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from modules.config.options.features import FeatureOptions
from modules.data.vocabulary import catalogue_size, read_vocabulary
from modules.sessions.item_ids import SPACE, vocabulary_holds

COUNTS = np.array([9, 5, 5, 2, 1], np.int64)


def _write(folder: Path, *lines: bytes) -> Path:
    path = folder / "item_ids"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


RESERVED = (b"-1 [PAD]", b"-1 [UNK]")


def test_items_and_counts_are_read_in_order(tmp_path: Path) -> None:
    path = _write(tmp_path, *RESERVED, b"7 b", b"7 a", b"2 10")

    vocabulary = read_vocabulary(path, FeatureOptions())

    assert vocabulary.item_ids.tolist() == [b"b", b"a", b"10"]
    assert vocabulary.counts.tolist() == [7, 7, 2]
    assert vocabulary.counts.dtype == np.int64
    assert vocabulary.catalogue_size == 3


def test_item_ids_keep_spaces_tabs_and_bytes_beyond_ascii(tmp_path: Path) -> None:
    """Transform writes `__SPACE__` for a space; the model is asked with the raw id."""
    item_ids = [b"red__SPACE__shoe", b"__SPACE__x__SPACE__", b"a\tb", "größe".encode()]
    path = _write(tmp_path, *RESERVED, *(b"3 " + item_id for item_id in item_ids))

    vocabulary = read_vocabulary(path, FeatureOptions())

    assert vocabulary.item_ids.tolist() == [b"red shoe", b" x ", b"a\tb", "größe".encode()]


def test_the_catalogue_is_cut_and_the_vocabulary_is_not(tmp_path: Path) -> None:
    path = _write(tmp_path, *RESERVED, b"7 b", b"3 a", b"2 c")

    vocabulary = read_vocabulary(path, FeatureOptions(min_item_count=3))

    assert vocabulary.catalogue_size == 2
    assert vocabulary.item_ids.tolist() == [b"b", b"a", b"c"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (FeatureOptions(), 5),
        (FeatureOptions(min_item_count=2), 4),
        (FeatureOptions(min_item_count=5), 3),
        (FeatureOptions(max_catalogue=2), 2),
        (FeatureOptions(max_catalogue=100), 5),
        (FeatureOptions(min_item_count=3, max_catalogue=4), 3),
        (FeatureOptions(min_item_count=3, max_catalogue=1), 1),
    ],
)
def test_catalogue_size_by_hand(options: FeatureOptions, expected: int) -> None:
    assert catalogue_size(COUNTS, options) == expected


def test_an_empty_catalogue_says_how_frequent_items_are() -> None:
    with pytest.raises(ValueError, match=r"none of 5 items has min_item_count=10 .* has 9\..*min"):
        catalogue_size(COUNTS, FeatureOptions(min_item_count=10))


def test_a_vocabulary_without_items_is_an_empty_catalogue(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="catalogue is empty: Transform's vocabulary has no item"):
        read_vocabulary(_write(tmp_path, *RESERVED), FeatureOptions())


def test_what_is_called_usable_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Transform writes `__SPACE__` for a space, which some ids would take for their own."""
    draw = random.Random(8)
    parts = [b"_", b"__", b" ", b"S", b"SPACE", b"PACE__", b"__SPACE", b"[", b"x"]
    ids = {b"".join(draw.choices(parts, k=draw.randrange(1, 7))).strip() for _ in range(20_000)}
    usable = sorted(item_id for item_id in ids if item_id and vocabulary_holds(item_id))
    lines = [b"1 " + item_id.replace(b" ", SPACE) for item_id in usable]

    vocabulary = read_vocabulary(_write(tmp_path, *RESERVED, *lines), FeatureOptions())

    assert vocabulary.item_ids.tolist() == usable
    refused = ids - set(usable) - {b""}
    assert 10 < len(refused) < len(usable)
    assert all(b"SPACE" in item_id for item_id in refused)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"-1 [PAD]",),
        (b"7 b", b"3 a", b"2 c"),
        (b"-1 [UNK]", b"-1 [PAD]", b"2 c"),
        (b"[PAD]", b"[UNK]", b"b"),  # written without frequencies
    ],
)
def test_another_file_is_refused_by_name(tmp_path: Path, lines: tuple[bytes, ...]) -> None:
    path = _write(tmp_path, *lines)

    with pytest.raises(ValueError, match=r"item_ids must start with .*\[PAD\].*\[UNK\]"):
        read_vocabulary(path, FeatureOptions())
