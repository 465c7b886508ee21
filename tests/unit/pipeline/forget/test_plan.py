"""What is found as an id of its own, and what can be deleted as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.forget.plan import names_in, replace_file, without_names


@pytest.mark.parametrize(
    ("content", "is_there"),
    [
        (b"id visit-17, and", True),
        (b'"visit-17"', True),
        (b"\n\x08visit-17\x12", True),
        (b"visit-17.", True),
        (b"visit-17.json", True),
        (b"visit-170", False),
        (b"1visit-17", False),
        (b"", False),
    ],
)
def test_an_id_is_found_as_a_word_of_its_own(content: bytes, is_there: bool) -> None:
    assert names_in(content, {b"visit-17"}) == ({b"visit-17"} if is_there else set())


def test_ids_of_any_characters_are_found_and_short_ones_left_out() -> None:
    names = {b"gr\xc3\xbcner hut", b"35"}
    assert names_in(b"35 gr\xc3\xbcner hut 35", names) == {b"gr\xc3\xbcner hut"}


def test_the_longest_id_is_replaced_first() -> None:
    assert without_names("hat, hat-2 and chat", {b"hat", b"hat-2"}, "-") == "-, - and chat"


def test_other_names_of_a_replaced_file_keep_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    os.link(tmp_path / "a", tmp_path / "b")
    replace_file(tmp_path / "a", b"new")
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("new", "old")
    assert len(list(tmp_path.iterdir())) == 2
