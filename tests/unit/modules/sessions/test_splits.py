"""The order of splits."""

from __future__ import annotations

import doctest

from modules.sessions import splits


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(splits)
    assert result.attempted and not result.failed


def test_every_pair_has_the_earlier_split_first() -> None:
    pairs = [("train", "eval"), ("train", "test"), ("eval", "test")]
    assert splits.split_pairs(reversed(splits.SPLITS)) == pairs
    assert splits.split_pairs(["eval"]) == splits.split_pairs([]) == []
    assert splits.split_pairs(["other", "test", "eval"]) == [("eval", "test")]
