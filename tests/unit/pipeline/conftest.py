"""What tests of configurations share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files of the names that the preset `custom` has."""
    for name in ("train.tsv", "test.tsv", "other.tsv"):
        (tmp_path / name).write_text("SessionId\tItemId\tTime\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
