"""The record of what a model learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.learned_data import FILE, LearnedData, read_learned, write_learned

LEARNED = LearnedData(("train", "eval"), 3, 9, 5, 1_000, 3_000, 3_500, "digest")


def test_the_record_is_kept_with_the_model(tmp_path: Path) -> None:
    assert read_learned(str(tmp_path)) is None  # as in models of former versions
    write_learned(str(tmp_path), LEARNED)
    assert read_learned(str(tmp_path)) == LEARNED


@pytest.mark.parametrize("text", ["{", "[]", '{"sessions": 3}'])
def test_a_damaged_record_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    write_learned(str(tmp_path), LEARNED)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r"learned\.json has an unexpected form"):
        read_learned(str(tmp_path))
