"""The fallback list, in memory and in its file."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from serving.client.fallback import FallbackList

ITEMS = ["a", "b\u2028", "\x1cc d"]  # with separators that logs keep in ids


def test_the_list_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "popular.txt"
    FallbackList(path).keep(ITEMS)
    assert FallbackList(path).items == tuple(ITEMS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    FallbackList(path).keep(["d"])
    assert path.read_text("utf-8") == "d\n"
    assert os.listdir(path.parent) == ["popular.txt"]


def test_an_empty_answer_leaves_the_list_as_it_is(tmp_path: Path) -> None:
    kept = FallbackList(tmp_path / "popular.txt")
    kept.keep(["a"])
    kept.keep([])
    assert kept.items == ("a",)


def test_a_file_that_cannot_be_written_does_not_stop_the_shop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    kept = FallbackList(tmp_path / "file" / "popular.txt")
    with caplog.at_level(logging.WARNING):
        kept.keep(["a"])
    assert kept.items == ("a",)
    assert "the fallback list was not kept in" in caplog.text


def test_without_a_file_the_list_is_in_memory() -> None:
    kept = FallbackList(None)
    assert kept.items == ()
    kept.keep(["a"])
    assert kept.items == ("a",)
