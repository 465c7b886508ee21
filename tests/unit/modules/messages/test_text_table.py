"""Tables of plain text."""

from __future__ import annotations

import doctest

from modules.messages import text_table


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(text_table)
    assert result.attempted and not result.failed


def test_words_stand_to_the_left_and_lines_end_without_spaces() -> None:
    rows = [("a", "long word", "n"), ("bb", "b", "10")]
    assert text_table.aligned(rows, {0, 1}) == ["a   long word   n", "bb  b          10"]
    assert text_table.aligned(rows, {0, 1, 2})[0] == "a   long word  n"
