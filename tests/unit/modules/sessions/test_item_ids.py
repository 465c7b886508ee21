"""Which item ids the vocabulary preserves; what Transform writes is in the integration tests."""

from __future__ import annotations

import doctest

import pytest

from modules.sessions import item_ids
from modules.sessions.item_ids import SPACE, from_vocabulary, vocabulary_holds


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(item_ids)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("item_id", [b"[PAD]", b"[UNK]", b"a\rb", b"a\nb", b"a\r", SPACE])
def test_what_transform_drops_or_changes_is_called_unusable(item_id: bytes) -> None:
    assert not vocabulary_holds(item_id)


@pytest.mark.parametrize("item_id", [b"", b"red shoe", b" a  b ", b"a\tb", b"\xff", b"_SPACE__"])
def test_a_space_is_written_as_a_word_and_read_back(item_id: bytes) -> None:
    assert vocabulary_holds(item_id)
    assert from_vocabulary(item_id.replace(b" ", SPACE)) == item_id


def test_texts_that_may_hold_a_lost_id_are_recognized_by_their_parts() -> None:
    lost = [b"[PAD]", b"[UNK]", b"red__SPACE__shoe", b"__SPACE _"]
    assert not any(map(vocabulary_holds, lost))
    assert all(any(part in item_id for part in item_ids.SUSPECT_TEXTS) for item_id in lost)
