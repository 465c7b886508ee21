"""The node that finds an earlier model, on folders that look like pushed models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tfx.types import Artifact, standard_artifacts

from components.previous_run.base_model import BaseModel
from modules.daily.model_day import write_day
from modules.files.learned_data import FILE, LearnedData, write_learned
from modules.files.model_folder import write_manifest
from modules.ingest.report import REJECTS_FOLDER, REPORT_NAME, Report
from modules.serving.score_adjustments import SessionAdjustments
from modules.training import kept_weights
from modules.training.base_model import BaseModel as Base
from modules.training.base_model import read_base, state_folder
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import Origin, Selection, write_selection
from modules.training.state_files import read_state, write_state
from modules.training.training_state import TrainingState
from tests.daily_examples import examples_of_days

SELECTION = Selection(5, ScoreAdjustments(SessionAdjustments(2.5, 1.0), 0.3), 0.4, 0.2)
STATE = TrainingState(np.array([b"a"], object), {}, (np.ones(3, np.float32),), "LazyAdam", 9, ())


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    return tmp_path / "pushed"


def _push(pushed: Path, number: int, learned_until: int | None, day: str | None = None) -> Path:
    version = pushed / str(number)
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_text("graph")
    write_selection(str(version), SELECTION, Origin("options", False, 3))
    if learned_until is not None:
        learned = LearnedData(("train", "eval"), 9, 30, 5, 1, learned_until, learned_until + 5, "")
        write_learned(str(version), learned)
    write_manifest(str(version), f"{number:064x}")
    if day:
        write_day(str(version), day)
    return version


def _found(
    tmp_path: Path,
    pushed: Path,
    until: int = 100,
    weights: int = 1,
    examples: Artifact | None = None,
) -> tuple[Base, Path]:
    """Returns what the node says for a run that learns until a time, and the output's folder."""
    counts = {"train.last_start": until - 10, "eval.last_start": until}
    examples, model = examples or standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(tmp_path / "examples"), str(tmp_path / "base")
    folder = tmp_path / "examples" / REJECTS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT_NAME).write_text(Report(counts, [], []).to_json())
    BaseModel.test_call(
        examples=examples,
        model=model,
        push_folder=str(pushed),
        fit_splits=json.dumps(["train", "eval"]),
        weights=weights,
    )
    place = tmp_path / "base" / "Format-Serving"
    base = read_base(str(place))
    assert base is not None
    return base, place


def test_nothing_was_pushed_yet(tmp_path: Path, pushed: Path, capsys) -> None:
    base, _ = _found(tmp_path, pushed)
    assert base == Base()
    assert "learned only sessions before 1970-01-01 00:00:00.100 UTC" in capsys.readouterr().out


def test_the_newest_model_is_found_with_its_choices(tmp_path: Path, pushed: Path) -> None:
    for number in (7, 8):
        _push(pushed, number, learned_until=number)
    base, _ = _found(tmp_path, pushed)
    assert base.version == str(pushed / "8") and base.learned_until == 8
    assert base.selection["epochs"] == 5 and base.selection["selected_until"] == 3


def test_a_day_that_is_trained_again_has_the_model_before_as_it_had_then(
    tmp_path: Path, pushed: Path, capsys
) -> None:
    _push(pushed, 7, learned_until=99)
    _push(pushed, 8, learned_until=100)
    _push(pushed, 9, learned_until=101)
    assert _found(tmp_path, pushed)[0].version == str(pushed / "7")
    assert f"{pushed / '8'} is skipped: it learned sessions until" in capsys.readouterr().out


def test_the_day_that_a_model_is_of_goes_before_the_clocks_of_its_sessions(
    tmp_path: Path, pushed: Path, capsys
) -> None:
    _push(pushed, 7, learned_until=500, day="2015-09-09")
    _push(pushed, 8, learned_until=50, day="2015-09-10")
    base, _ = _found(tmp_path, pushed, examples=examples_of_days("2015-09-10"))
    assert base.version == str(pushed / "7")
    assert "8 is skipped: it is of 2015-09-10, this run of 2015-09-10" in capsys.readouterr().out


def test_damaged_models_and_those_of_former_versions_are_skipped(
    tmp_path: Path, pushed: Path, capsys
) -> None:
    _push(pushed, 7, learned_until=50)
    (_push(pushed, 8, learned_until=51) / "saved_model.pb").write_text("other")
    _push(pushed, 9, learned_until=None)
    odd = _push(pushed, 10, learned_until=52)
    (odd / FILE).write_text("[]")
    write_manifest(str(odd), "odd")
    assert _found(tmp_path, pushed)[0].version == str(pushed / "7")
    printed = capsys.readouterr().out
    assert "10 is skipped: assets.extra/learned.json has an unexpected form" in printed
    assert "8 is skipped: saved_model.pb has changed" in printed
    assert "9 is skipped: it does not say until when it learned" in printed


@pytest.mark.parametrize("weights", [0, 1])
def test_weights_are_copied_if_the_run_starts_from_them(
    tmp_path: Path, pushed: Path, weights: int
) -> None:
    place = kept_weights.place_of(str(_push(pushed, 7, learned_until=50)))
    assert place is not None
    write_state(STATE, place)
    _, output = _found(tmp_path, pushed, weights=weights)
    copied = Path(state_folder(str(output)))
    assert copied.exists() == bool(weights)
    if weights:
        assert read_state(str(copied)).iteration == 9


def test_a_model_without_kept_weights_is_found_for_its_choices(
    tmp_path: Path, pushed: Path
) -> None:
    _push(pushed, 7, learned_until=50)
    base, output = _found(tmp_path, pushed)
    assert base.version and not Path(state_folder(str(output))).exists()
