"""Tuner's search on windows that Transform made, and Trainer with what it found."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer, tuner
from modules.data.scratch import PREFIX
from modules.items.known_names import ITEMS, ITEMS_FILE
from modules.training import fitting, training_run
from modules.training.training_run import ID_COLUMN

TUNER = {
    "enabled": True,
    "search": "random",
    "num_trials": 3,
    "space": {"model.gru_units": [4, 8], "trainer.learning_rate": [1e-7, 0.01]},
}


@pytest.fixture
def arguments(fn_args, sample, tmp_path: Path) -> dict[str, Any]:
    made = fn_args(sample, tmp_path / "run", max_epochs=2, learning_rate=0.01)
    made["custom_config"]["tuner"] = TUNER
    made["transform_graph_path"] = made["transform_output"]
    return made


def test_finds_what_learns(arguments, capsys: pytest.CaptureFixture[str]) -> None:
    found = tuner.tuner_fn(FnArgs(**arguments))
    found.tuner.search(**found.fit_kwargs)
    found.tuner.results_summary()

    best = found.tuner.get_best_hyperparameters()[0]
    trials = found.tuner.oracle.get_best_trials(3)
    printed = capsys.readouterr().out
    assert best.get("trainer.learning_rate") == 0.01
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3
    assert trials[0].score > trials[-1].score
    assert re.search(r"trial 1/3  model.gru_units [48]  trainer.learning_rate \S+\n", printed)
    assert "trial 3/3" in printed and "best: " in printed

    folder = arguments["custom_config"]["checkpoint_folder"]
    assert not list(Path(folder).glob("*"))  # a finished search leaves nothing to go on from


def test_goes_on_after_a_kill(
    arguments, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = iter(["first", "second"])

    def killed_at_the_third(*values: Any) -> Any:
        if next(fits, None) is None:
            raise KeyboardInterrupt
        return fitting.select(*values)

    found = tuner.tuner_fn(FnArgs(**arguments))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tuner, "select", killed_at_the_third)
        found.tuner.search(**found.fit_kwargs)
    capsys.readouterr()

    again = tuner.tuner_fn(FnArgs(**arguments))
    again.tuner.search(**again.fit_kwargs)

    printed = capsys.readouterr().out
    assert re.findall(r"trial (\d)/3", printed) == ["3"]
    assert len(again.tuner.oracle.get_best_trials(3)) == 3


def test_trainer_takes_the_found_values(arguments, sample, tmp_path: Path) -> None:
    values = {"model.gru_units": 5, "trainer.max_epochs": 1}
    found = FnArgs(**arguments, hyperparameters={"space": [], "values": values})
    with_values, without = (
        training_run.read_training_run(args) for args in (found, FnArgs(**arguments))
    )

    assert (with_values.model.gru_units, with_values.trainer.max_epochs) == (5, 1)
    assert with_values.trainer.learning_rate == without.trainer.learning_rate
    assert with_values.checkpoints != without.checkpoints
    trainer.run_fn(found)
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()


def test_a_streamed_search_leaves_no_windows_behind(
    arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arguments["custom_config"]["trainer"]["memory_limit_mb"] = 0
    used: list[list[str]] = []

    def selected(*values: Any) -> Any:
        used.append([file for folder in _scratch(tmp_path) for file in os.listdir(folder)])
        return fitting.select(*values)

    monkeypatch.setattr(tuner, "select", selected)
    found = tuner.tuner_fn(FnArgs(**arguments))
    found.tuner.search(**found.fit_kwargs)
    assert [sorted(files) for files in used] == [["lock", "shard-0"]] * 3
    assert not _scratch(tmp_path)


def _scratch(folder: Path) -> list[Path]:
    return list(folder.glob(f"{PREFIX}*"))


def test_other_features_of_items_are_another_search(arguments, sample, tmp_path: Path) -> None:
    one, same, other = (
        _place_with_kind(arguments, sample, tmp_path / kind, kind) for kind in ("a", "a", "b")
    )
    assert one == same != other


def _place_with_kind(arguments: dict[str, Any], sample: Any, folder: Path, kind: str) -> str:
    """Returns where a search with items of one kind keeps its trials."""
    folder.mkdir(exist_ok=True)
    ids = [item.decode() for item in sample.vocabulary().item_ids]
    table = pa.table({"item_id": ids, "kind": [kind] * len(ids)})
    pq.write_table(table, folder / ITEMS_FILE)
    config = dict(arguments["custom_config"])
    config["model"] = {**config["model"], "item_features": ("kind",)}
    config |= {ITEMS: str(folder), ID_COLUMN: "item_id"}
    made = tuner.tuner_fn(FnArgs(**{**arguments, "custom_config": config}))
    return str(made.tuner.project_dir)


def test_another_search_does_not_go_on_where_the_first_was(arguments) -> None:
    one = training_run.read_training_run(FnArgs(**arguments))
    arguments["custom_config"]["tuner"] = {**TUNER, "space": {"model.gru_units": [16]}}
    assert training_run.read_training_run(FnArgs(**arguments)).checkpoints != one.checkpoints
