"""`session-retrieval history` of a folder without runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main


def test_metadata_that_cannot_be_read_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--out", str(tmp_path)]) == 1
    assert f"No metadata.sqlite in {tmp_path}" in capsys.readouterr().err
    (tmp_path / "metadata.sqlite").write_text("no database")
    assert main(["history", "--out", str(tmp_path)]) == 1
    assert "cannot be used: SQLite reports:" in capsys.readouterr().err
