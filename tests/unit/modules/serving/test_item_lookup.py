"""Raw item ids become positions of the vocabulary, and positions ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data.vocabulary import Vocabulary
from modules.files.characters import BLANKS
from modules.serving.item_lookup import ItemLookup

# The last id is known, but outside the catalogue.
IDS = [b"a", b"\xff", "\N{LATIN SMALL LETTER O WITH DIAERESIS}".encode(), b"a b", b"rare"]


def _lookup(ids: list[bytes], file: Path, catalogue_size: int = 4) -> ItemLookup:
    counts = np.arange(len(ids), 0, -1)
    return ItemLookup(Vocabulary(np.array(ids, object), counts, catalogue_size), str(file))


@pytest.fixture
def lookup(tmp_path: Path) -> ItemLookup:
    return _lookup(IDS, tmp_path / "ids")


def test_positions_are_places_in_the_vocabulary(lookup: ItemLookup) -> None:
    asked = tf.constant([[*IDS], [b"", b"new", b"A", b"a  b", b"a\n"]])
    assert lookup.positions(asked).numpy().tolist() == [[0, 1, 2, 3, 4], [-1, -1, -1, -1, 0]]
    assert lookup.catalogue_positions(asked).numpy()[0].tolist() == [0, 1, 2, 3, -1]


def test_sessions_of_different_lengths_are_looked_up(lookup: ItemLookup) -> None:
    asked = tf.ragged.constant([[b"rare", b"a"], [], [b"new"]], tf.string)
    assert lookup.positions(asked).to_list() == [[4, 0], [], [-1]]


def test_every_blank_around_an_id_is_ignored(lookup: ItemLookup) -> None:
    asked = [f"{blank}a b{blank}{blank}" for blank in BLANKS]
    assert set(lookup.positions(tf.constant(asked)).numpy()) == {3}


def test_ids_and_counts_of_positions(lookup: ItemLookup) -> None:
    assert lookup.item_ids(tf.constant([[3], [1]])).numpy().tolist() == [[b"a b"], [b"\xff"]]
    found = lookup.counts(tf.constant([0, 4, -1], tf.int64))
    assert found.numpy().tolist() == [5, 1, 0]


def test_another_vocabulary_of_the_process_does_not_answer(tmp_path: Path) -> None:
    """TensorFlow named the table after an object's address, which a later object may have."""
    for model in range(200):
        ids = [f"{model} {number}".encode() for number in range(4)]
        lookup = _lookup(ids, tmp_path / "ids")
        assert lookup.positions(tf.constant(ids)).numpy().tolist() == [0, 1, 2, 3]
        del lookup


def test_an_exported_lookup_answers_from_its_own_ids(tmp_path: Path) -> None:
    loaded = []
    for name in ("first", "second"):
        lookup = _lookup([f"{name} {number}".encode() for number in range(4)], tmp_path / "ids")
        lookup.call = tf.function(
            lookup.positions, input_signature=[tf.TensorSpec([None], tf.string)]
        )
        tf.saved_model.save(lookup, str(tmp_path / name))
        loaded.append(tf.saved_model.load(str(tmp_path / name)))
    asked = tf.constant(["first 2", "second 1"])
    assert [model.call(asked).numpy().tolist() for model in loaded] == [[2, -1], [-1, 1]]
