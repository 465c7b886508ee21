"""What a run is made from, as a digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.config import Config, load_config
from pipeline.data_files import DataPaths
from pipeline.run.identity import identity, input_files


def _config(folder: Path, *overrides: str) -> Config:
    files = DataPaths(train=str(folder / "train.tsv"), test=str(folder / "test.tsv"))
    return load_config("custom", overrides, files)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train.tsv", "test.tsv", "other.tsv"):
        (tmp_path / name).write_text("SessionId\tItemId\tTime\n")
    return tmp_path


def test_files_are_those_of_the_splits(folder: Path) -> None:
    found = input_files(_config(folder))
    assert found == [(split, f"{folder}/{split}.tsv") for split in ("train", "test")]


def test_equal_runs_have_one_identity_and_others_another(folder: Path) -> None:
    before = identity(_config(folder))
    (folder / "other.tsv").write_text("more")  # which is not read
    assert identity(_config(folder)) == before
    found = {before, identity(_config(folder, "trainer.seed=7"))}
    (folder / "train.tsv").write_text("SessionId\tItemId\tTime\ns\ti\t1\n")
    found.add(identity(_config(folder)))
    os.utime(folder / "test.tsv", (0, 0))
    found.add(identity(_config(folder)))
    assert len(found) == 4


def test_hooks_are_no_part_of_what_a_run_is_made_from(folder: Path) -> None:
    hooks = ("hooks.on_event=https://example.org/", "hooks.stale_days=9", "monitor.max_p99_ms=9")
    assert identity(_config(folder, *hooks)) == identity(_config(folder))


@pytest.mark.parametrize("option", ["serving.offer_file", "sessions.forget_file", "items.file"])
def test_another_list_is_another_run(folder: Path, option: str) -> None:
    listed = folder / "list.txt"
    listed.write_text("7\n7\n")
    columns = ("items.id_column=7",) if option == "items.file" else ()
    options = (f"{option}={listed}", *columns)
    before = identity(_config(folder, *options))
    assert identity(_config(folder, *options)) == before
    listed.write_text("7\n8\n7\n")
    assert identity(_config(folder, *options)) != before
