"""`session-retrieval compile` with arguments that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "'"], "SET=': No closing quotation: check the quotes"),
        (["--output", "missing/pipeline.yaml"], "there is no folder missing: create it first"),
        (["--output", "pipeline.json"], "--output pipeline.json must end in .yaml for the target"),
        (["--target", "vertex", "--output", "a.yaml"], "must end in .json for the target vertex"),
        (["--output", "folder.yaml"], "Is a directory: 'folder.yaml'"),
        (["--deployment", "none.yaml"], "Config none.yaml is not usable"),
    ],
)
def test_a_command_that_cannot_work_gets_a_sentence_and_an_exit_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    assert main(["compile", *arguments]) == 2
    assert words in capsys.readouterr().err
