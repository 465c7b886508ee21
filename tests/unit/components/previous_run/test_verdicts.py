"""Verdicts that outlive a run, in real folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import Artifact
from tfx.types.experimental import simple_artifacts

from components.previous_run.node import KEPT
from components.previous_run.verdicts import DIGESTS, KeptVerdict, VerdictKeeper
from modules.found import is_found
from tests import file_uris


def _artifact(folder: Path, named=str) -> Artifact:
    artifact = simple_artifacts.Metrics()
    artifact.uri = named(folder)
    return artifact


def _keep(folder: Path, number: int, named=str) -> None:
    run = folder / f"run-{number}"
    run.mkdir()
    (run / "verdict.json").write_text(str(number))
    VerdictKeeper.test_call(verdict=_artifact(run, named), folder=named(folder / "kept"))


def _find(folder: Path, named=str) -> tuple[bool, str | None]:
    """Returns whether a verdict was found, and its text."""
    verdict = _artifact(folder / "found", named)
    KeptVerdict.test_call(verdict=verdict, folder=named(folder / "kept"))
    file = folder / "found" / "verdict.json"
    return is_found(verdict), file.read_text("utf-8") if file.exists() else None


@pytest.mark.parametrize("named", [str, file_uris.uri], ids=["paths", "URIs"])
def test_the_verdict_kept_last_comes_back(tmp_path: Path, named) -> None:
    assert _find(tmp_path, named) == (False, None)
    for number in range(3):
        _keep(tmp_path, number, named)
    assert _find(tmp_path, named) == (True, "2")


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        _keep(tmp_path, number)
    assert len(list((tmp_path / "kept").iterdir())) == KEPT


@pytest.mark.parametrize("file", ["verdict.json", DIGESTS])
@pytest.mark.parametrize("content", [None, "", "[1]"])
def test_a_damaged_verdict_is_skipped(
    tmp_path: Path, file: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        _keep(tmp_path, number)
    newest = max((tmp_path / "kept").iterdir(), key=lambda path: int(path.name))
    (newest / file).unlink() if content is None else (newest / file).write_text(content)
    assert _find(tmp_path) == (True, "0")
    assert f"{newest} is skipped: " in capsys.readouterr().out
