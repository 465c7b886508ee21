"""Three days of a made-up shop: Trainer, Pusher and BaseModel, one after the other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import standard_artifacts

from components.previous_run.base_model import BaseModel
from modules import trainer
from modules.files.model_folder import learned_from, model_damage
from modules.ingest.report import REJECTS_FOLDER, REPORT_NAME, Report
from modules.training.kept_weights import beside
from modules.training.selection_record import read_selection
from modules.training.state_files import read_state

DAY = 86_400_000
OPTIONS = {
    "warm_start": True,
    "refit": True,
    "max_epochs": 2,
    "early_stopping_patience": 2,
    "popularity_weight": None,
}


class Trained(NamedTuple):
    """A day's run."""

    model: Path
    printed: str
    fits: list[str]

    @property
    def choices(self) -> Any:
        return read_selection(str(self.model))


@pytest.fixture(scope="module")
def days(transform, sample, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Windows of three days: the second has other items in place of every fifth one."""

    def renamed(split: str) -> list[list[str]]:
        return [[_renamed(item) for item in items] for items in sample.sessions[split]]

    sessions = {split: renamed(split) for split in ("train", "eval", "test")}
    later = [
        transform(tmp_path_factory.mktemp(f"day-{day}"), sessions, sample.features, day)
        for day in (1, 2)
    ]
    return [sample, *later]


def _renamed(item: str) -> str:
    return f"new-{item}" if sum(item.encode()) % 5 == 0 else item


@pytest.fixture
def run_day(days, fn_args, push, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Returns a function that finds the model before, trains, and pushes."""

    def run(day: int, **options: Any) -> Trained:
        uri = tmp_path / "runs" / str(day)
        base = _model_before(tmp_path, uri, day)
        arguments = fn_args(days[day], uri, **(OPTIONS | options))
        arguments["serving_model_dir"] = str(uri / "model" / "Format-Serving")
        arguments["base_model"] = str(base)
        capsys.readouterr()
        trainer.run_fn(FnArgs(**arguments))
        printed = capsys.readouterr().out
        model, infra = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
        model.uri, infra.uri = str(uri / "model"), str(uri / "infra")
        infra.set_int_custom_property("blessed", 1)
        Path(infra.uri).mkdir()
        (Path(infra.uri) / "INFRA_BLESSED").touch()
        push(model, infra)
        fits = sorted(folder.name for folder in (uri / "logs").iterdir())
        return Trained(uri / "model" / "Format-Serving", printed, fits)

    return run


def _model_before(folder: Path, uri: Path, day: int) -> Path:
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(uri / "examples"), str(uri / "base")
    counts = {"train.last_start": day * DAY, "eval.last_start": (day + 1) * DAY}
    reports = uri / "examples" / REJECTS_FOLDER
    reports.mkdir(parents=True)
    (reports / REPORT_NAME).write_text(Report(counts, [], []).to_json())
    BaseModel.test_call(
        examples=examples,
        model=model,
        push_folder=str(folder / "served"),
        fit_splits=json.dumps(["train", "eval"]),
    )
    return uri / "base" / "Format-Serving"


def test_each_day_starts_from_the_weights_of_the_one_before(run_day) -> None:
    first, second = run_day(0), run_day(1)

    assert "no earlier model" in first.printed and not first.choices["warm_start"]
    carried = re.findall(r"warm start: ([\d,]+) of ([\d,]+) items", second.printed)
    assert len(carried) == 2 and second.fits == ["choose", "refit"]
    before, after = (read_state(beside(str(run.model))) for run in (first, second))
    common = set(before.item_ids) & set(after.item_ids)
    assert 0 < len(common) < len(after.item_ids)
    assert carried[1] == (str(len(common)), str(len(after.item_ids)))
    assert after.iteration > before.iteration
    assert second.choices["warm_start"] is True
    assert [run.choices["selected_until"] for run in (first, second)] == [DAY, 2 * DAY]
    for run in (first, second):
        assert model_damage(str(run.model)) is None
    assert learned_from(str(first.model)) != learned_from(str(second.model))
    scores = tf.saved_model.load(str(second.model)).signatures["recommend"](
        item_ids=tf.constant([[after.item_ids[0], after.item_ids[1]]])
    )["scores"]
    assert np.isfinite(scores).all()


def test_choices_are_kept_and_one_training_run_suffices(run_day) -> None:
    first = run_day(0, warm_start=False, selection_days=3)
    second = run_day(1, warm_start=False, selection_days=3)

    assert first.fits == ["choose", "refit"] and second.fits == ["refit"]
    names = ("epochs", "eval", "current_item_penalty", "earlier_item_boost", "popularity_weight")
    assert [second.choices[name] for name in names] == [first.choices[name] for name in names]
    assert second.choices["selected_until"] == DAY
    assert "epochs and score adjustments are those selected on data until" in second.printed
    assert not Path(beside(str(second.model))).exists()


def test_the_third_day_of_a_chain_trains_once(run_day) -> None:
    """The first has no model before it, the second none whose choices are of a warm start."""
    runs = [run_day(day, selection_days=9) for day in range(3)]
    assert [run.fits for run in runs] == [["choose", "refit"], ["choose", "refit"], ["refit"]]
    assert [run.choices["warm_start"] for run in runs] == [False, True, True]
    assert runs[2].choices["selected_until"] == runs[1].choices["selected_until"]


def test_damaged_weights_make_a_cold_start_of_the_same_model(run_day, tmp_path: Path) -> None:
    run_day(0)
    for file in (tmp_path / "served_warm_start").rglob("weights-000.npy"):
        file.write_bytes(file.read_bytes()[:-1])
    second = run_day(1)
    assert "cold start: the weights of" in second.printed and "bytes instead of" in second.printed
    assert second.choices["warm_start"] is False
