"""Names, colours and order of the verdict's columns."""

from __future__ import annotations

import doctest

from components.report import columns


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(columns)
    assert result.attempted and not result.failed


def test_this_model_and_the_last_blessed_one_have_colours_of_their_own_and_come_first() -> None:
    names = ["stan", "last_blessed", "popularity", "candidate"]
    ordered = sorted(names, key=lambda name: columns.rank_of(columns.colour(name)))
    assert ordered == ["candidate", "last_blessed", "stan", "popularity"]
    assert len({columns.colour(name) for name in names}) == 3
