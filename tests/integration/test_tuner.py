"""Tuner's search on windows that Transform made, and Trainer with what it found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import job, trainer, tuner

TUNER = {
    "enabled": True,
    "search": "random",
    "trials": 3,
    "space": {"model.gru_units": [4, 8], "trainer.learning_rate": [1e-7, 0.01]},
}


@pytest.fixture
def arguments(fn_args, sample, tmp_path: Path) -> dict[str, Any]:
    made = fn_args(sample, tmp_path / "run", epochs=2, learning_rate=0.01)
    made["custom_config"]["tuner"] = TUNER
    made["transform_graph_path"] = made["transform_output"]
    return made


def test_finds_what_learns_and_goes_on_after_a_kill(
    arguments, capsys: pytest.CaptureFixture[str]
) -> None:
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

    # The same search again, as after a kill at its end, has nothing left to run.
    again = tuner.tuner_fn(FnArgs(**arguments))
    again.tuner.search(**again.fit_kwargs)
    assert "epoch" not in capsys.readouterr().out
    assert again.tuner.get_best_hyperparameters()[0].values == best.values


def test_trainer_takes_the_found_values(arguments, sample, tmp_path: Path) -> None:
    values = {"model.gru_units": 5, "trainer.epochs": 1}
    found = FnArgs(**arguments, hyperparameters={"space": [], "values": values})
    with_values, without = (job.read_job(args, []) for args in (found, FnArgs(**arguments)))

    assert (with_values.model.gru_units, with_values.trainer.epochs) == (5, 1)
    assert with_values.trainer.learning_rate == without.trainer.learning_rate
    assert with_values.checkpoints != without.checkpoints
    trainer.run_fn(found)
    assert (tmp_path / "run" / "model" / "saved_model.pb").exists()
