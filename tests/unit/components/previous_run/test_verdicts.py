"""Verdicts that outlive a run, in real folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import Artifact
from tfx.types.experimental import simple_artifacts

from components.previous_run.kept_folders import KEPT, PROPERTIES
from components.previous_run.verdicts import KeptVerdict, VerdictKeeper
from modules.found import is_found
from tests import file_uris
from tests.daily_examples import examples_of


def _artifact(folder: Path, named=str) -> Artifact:
    artifact = simple_artifacts.Metrics()
    artifact.uri = named(folder)
    return artifact


def _keep(folder: Path, number: int, named=str, span: int | None = None) -> None:
    run = folder / f"run-{number}"
    run.mkdir()
    (run / "verdict.json").write_text(str(number))
    VerdictKeeper.test_call(
        verdict=_artifact(run, named), examples=examples_of(span), folder=named(folder / "kept")
    )


def _find(folder: Path, named=str, span: int | None = None) -> tuple[bool, str | None]:
    """Returns whether a verdict was found, and its text."""
    verdict = _artifact(folder / "found", named)
    KeptVerdict.test_call(
        verdict=verdict, examples=examples_of(span), folder=named(folder / "kept")
    )
    file = folder / "found" / "verdict.json"
    return is_found(verdict), file.read_text("utf-8") if file.exists() else None


@pytest.mark.parametrize("named", [str, file_uris.uri], ids=["paths", "URIs"])
def test_the_verdict_kept_last_comes_back(tmp_path: Path, named) -> None:
    assert _find(tmp_path, named) == (False, None)
    for number in range(3):
        _keep(tmp_path, number, named)
    assert _find(tmp_path, named) == (True, "2")


def test_after_a_past_day_the_verdict_of_the_day_before_comes_back(tmp_path: Path) -> None:
    """The newest one is of the past day, and knows none of the days after it."""
    for number, span in enumerate((13, 14, 9)):
        _keep(tmp_path, number, span=span)
    assert _find(tmp_path, span=15) == (True, "1")


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        _keep(tmp_path, number)
    assert len(list((tmp_path / "kept").iterdir())) == KEPT


@pytest.mark.parametrize("file", ["verdict.json", PROPERTIES])
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
