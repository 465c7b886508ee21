"""The record of what has to be deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.forget.record import (
    DELETE,
    RECORD,
    has_learned_forgotten,
    read_record,
    still_there,
)


def test_a_version_is_known_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(json.dumps({DELETE: ["pushed/7", "artifacts/A/b/8"]}))
    assert [has_learned_forgotten(name, tmp_path) for name in "78"] == [True, False]
    (tmp_path / "pushed_withdrawn" / "7").mkdir(parents=True)
    assert still_there(tmp_path / "pushed" / "7") == tmp_path / "pushed_withdrawn" / "7"
    assert still_there(tmp_path / "artifacts/A/b/8") is None


@pytest.mark.parametrize("text", [None, "", "[]", "{"])
def test_without_a_record_nothing_has_to_be_deleted(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / RECORD).write_text(text)
    assert read_record(tmp_path) == {} and not has_learned_forgotten("7", tmp_path)
