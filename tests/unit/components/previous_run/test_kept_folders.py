"""Copies of artifacts in numbered folders, beside the tests of the nodes that use them."""

from __future__ import annotations

from pathlib import Path

from tfx.types import standard_artifacts

from components.previous_run import kept_folders
from tests.daily_examples import examples_of


def test_properties_come_back_and_damage_is_named(tmp_path: Path, capsys) -> None:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "data").write_text("content")
    folder = str(tmp_path / "kept")
    assert kept_folders.find(folder, examples_of(None)) is None
    first = kept_folders.keep(artifact, folder, examples_of(12), {"splits": "a"})
    second = kept_folders.keep(artifact, folder, examples_of(13), {"splits": "b"})
    found = kept_folders.find(folder, examples_of(14))
    assert found and (found.path, found.properties, found.span) == (second, {"splits": "b"}, 13)
    (Path(second) / "data").write_text("changed")
    found = kept_folders.find(folder, examples_of(14))
    assert found and found.path == first
    assert f"{second} is skipped: " in capsys.readouterr().out


def test_a_backfill_of_old_days_leaves_the_latest_days(tmp_path: Path) -> None:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    folder = str(tmp_path / "kept")
    newest = kept_folders.keep(artifact, folder, examples_of(200), {})
    for span in range(100, 101 + kept_folders.KEPT):
        last = kept_folders.keep(artifact, folder, examples_of(span), {})
    for day, expected in ((201, newest), (span + 1, last)):
        found = kept_folders.find(folder, examples_of(day))
        assert found and found.path == expected
    assert len(list(Path(folder).iterdir())) == kept_folders.KEPT + 1
