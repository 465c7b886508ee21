"""What a training run takes over: by options, times and the state of the files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.session_spans import FEATURE as SPANS
from modules.serving.score_adjustments import SessionAdjustments
from modules.training.base_model import BaseModel, state_folder, write_base
from modules.training.model_start import Start, options_digest, start_of
from modules.training.score_adjustment_search import ScoreAdjustments
from modules.training.selection_record import (
    Origin,
    Selection,
    parse_selection,
    read_selection,
    write_selection,
)
from modules.training.state_files import write_state
from modules.training.training_run import TrainingRun
from modules.training.training_state import TrainingState, shape_of

HOUR = 3_600_000
DAY = 24 * HOUR
TODAY = 100 * DAY
SELECTION = Selection(5, ScoreAdjustments(SessionAdjustments(2.5, 1.0), 0.3), 0.4, 0.2)
WARM = TrainerOptions(warm_start=True)
WEEK = TrainerOptions(selection_days=7)


def _run(trainer: TrainerOptions, **model: Any) -> TrainingRun:
    return TrainingRun(FeatureOptions(), ModelOptions(**model), trainer, "digest", "", "")


def _left(folder: Path, of: TrainingRun, *, age: float = 1.0, **changes: Any) -> str:
    """Writes what BaseModel leaves the day after a model was trained, and returns its folder.

    Args:
      folder: place of the output.
      of: options of the run that trained the earlier model.
      age: days since its choices were made.
      changes: other fields of the description.
    """
    origin = Origin(options_digest(of), of.trainer.warm_start, TODAY - round(age * DAY))
    write_selection(str(folder / "version"), SELECTION, origin)
    record = read_selection(str(folder / "version"))
    output = str(folder / "output")
    write_base(output, BaseModel("/pushed/17", record or {}, TODAY - DAY)._replace(**changes))
    state = TrainingState(
        np.array([b"a"], object), shape_of(of.model), (np.ones(3, np.float32),), "LazyAdam", 9, ()
    )
    write_state(state, state_folder(output))
    return output


def _eval(folder: Path, hours: float = 23.0) -> str:
    """Writes sessions of the last hours, as Transform does, and returns the file's name."""
    file = str(folder / "eval.gz")
    with tf.io.TFRecordWriter(file, "GZIP") as writer:
        for start in (TODAY - round(hours * HOUR), TODAY):
            span = tf.train.Int64List(value=[start, start + 5, 2])
            features = tf.train.Features(feature={SPANS: tf.train.Feature(int64_list=span)})
            writer.write(tf.train.Example(features=features).SerializeToString())
    return file


@pytest.fixture
def start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Start]:
    """The function; it may print one line."""

    def start(run: TrainingRun, folder: str | None, hours: float = 23.0, said: str = "") -> Start:
        found = start_of(run, folder, TODAY, [_eval(tmp_path, hours)])
        printed = capsys.readouterr().out
        assert said in printed and printed.count("\n") <= 1
        return found

    return start


def test_without_the_node_nothing_is_taken_over(start) -> None:
    run = _run(TrainerOptions())
    assert start(run, None) == Start(None, None, Origin(options_digest(run), False, TODAY))
    assert run.after("") is run


def test_weights_are_taken_over_and_everything_is_selected(tmp_path: Path, start) -> None:
    found = start(_run(WARM), _left(tmp_path, _run(WARM)))
    assert found.state is not None and found.state.iteration == 9
    assert found.selection is None
    assert found.origin[1:] == (True, TODAY)
    assert _run(WARM).after(found.digest).digest != "digest"


def test_without_the_option_weights_are_left(tmp_path: Path, start) -> None:
    found = start(_run(WEEK), _left(tmp_path, _run(WARM)))
    assert found.state is None and found.selection is None and found.digest == ""


def test_the_first_run_has_nothing_to_start_from(tmp_path: Path, start) -> None:
    folder = _left(tmp_path, _run(WARM), version="", selection={})
    found = start(_run(WARM), folder, said="no earlier model")
    assert found.state is None and found.selection is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"embedding_dim": 16}, "embedding_dim"), ({"num_neighbors": 0}, "has_neighbors")],
)
def test_weights_of_another_shape_are_left(
    tmp_path: Path, start, change: dict[str, Any], reason: str
) -> None:
    output = _left(tmp_path, _run(WARM))
    found = start(_run(WARM, **change), output, said=f"with another {reason}\n")
    assert found.state is None and not found.origin.warm_start


def test_weights_of_a_model_with_item_features_are_left_by_one_without(
    tmp_path: Path, start
) -> None:
    """Both have tables of the same items, and one has further ones."""
    output = _left(tmp_path, _run(TrainerOptions(), item_features=("category",)))
    found = start(_run(WARM), output, said="with another item_features\n")
    assert found.state is None


@pytest.mark.parametrize("file", ["weights-000.npy", "digests.json", "state.json", "item_ids.txt"])
@pytest.mark.parametrize("content", [None, b"\xff\x00"])
def test_damaged_weights_are_left_with_one_line(
    tmp_path: Path, start, file: str, content: bytes | None
) -> None:
    output = _left(tmp_path, _run(WARM))
    path = Path(state_folder(output)) / file
    path.unlink() if content is None else path.write_bytes(content)
    said = "    cold start: the weights of /pushed/17 cannot be used: "
    found = start(_run(WARM), output, said=said)
    assert found.state is None and found.digest == ""


@pytest.mark.parametrize(("hours", "is_warm"), [(23, True), (24, True), (26, True), (28, False)])
def test_a_model_that_learned_much_of_eval_does_not_select_epochs(
    tmp_path: Path, start, hours: int, is_warm: bool
) -> None:
    """It learned all but the last 24 hours; a tenth of the time of eval may be known."""
    output = _left(tmp_path, _run(WARM))
    found = start(_run(WARM), output, hours, said="" if is_warm else "cold start: /pushed/17 lear")
    assert (found.state is not None, found.origin.warm_start) == (is_warm, is_warm)


@pytest.mark.parametrize(
    ("age", "is_kept"), [(1.0, True), (6.4, True), (6.6, False), (7.0, False), (-1, False)]
)
def test_choices_serve_for_so_many_days_of_data(
    tmp_path: Path, start, age: float, is_kept: bool
) -> None:
    found = start(_run(WEEK), _left(tmp_path, _run(WEEK), age=age))
    assert (found.selection == SELECTION) == is_kept
    made = TODAY - round(age * DAY) if is_kept else TODAY
    assert found.origin == Origin(options_digest(_run(WEEK)), False, made)
    assert bool(found.digest) == is_kept


def test_by_default_every_run_selects(tmp_path: Path, start) -> None:
    run = _run(TrainerOptions())
    assert start(run, _left(tmp_path, run, age=0)).selection is None


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.01},
        {"early_stopping_patience": 2},
        {"popularity_weight": 0.5},
        {"warm_start": True},
        {"max_epochs": 20},
    ],
)
def test_other_options_mean_other_choices(tmp_path: Path, start, change: Any) -> None:
    today = _run(dataclasses.replace(WEEK, **change))
    assert start(today, _left(tmp_path, _run(WEEK))).selection is None


def test_memory_is_no_reason_to_select_again(tmp_path: Path, start) -> None:
    today = _run(dataclasses.replace(WEEK, memory_limit_mb=1, selection_days=9))
    assert start(today, _left(tmp_path, _run(WEEK))).selection == SELECTION


def test_epochs_of_a_cold_model_are_not_those_of_a_warm_one(tmp_path: Path, start) -> None:
    """The second day of a chain selects again, all later ones do not."""
    both = dataclasses.replace(WEEK, warm_start=True)
    second = start(_run(both), _left(tmp_path / "first", _run(WEEK)))
    third = start(_run(both), _left(tmp_path / "second", _run(both)))
    assert second.state is not None and second.selection is None
    assert third.state is not None and third.selection == SELECTION


def test_kept_choices_need_no_sessions_that_the_model_before_has_not_seen(
    tmp_path: Path, start
) -> None:
    both = dataclasses.replace(WEEK, warm_start=True)
    found = start(_run(both), _left(tmp_path, _run(both)), hours=100)
    assert found.state is not None and found.selection == SELECTION


def test_choices_of_a_cold_model_serve_when_the_start_is_cold_after_all(
    tmp_path: Path, start
) -> None:
    """Here because the model before learned most of eval."""
    both = dataclasses.replace(WEEK, warm_start=True)
    output = _left(tmp_path, _run(WEEK))
    found = start_of(_run(both), output, TODAY, [_eval(tmp_path, 100)])
    assert found.state is None and found.selection == SELECTION


def test_a_record_of_a_former_version_does_not_serve(tmp_path: Path, start) -> None:
    output = _left(tmp_path, _run(WEEK), selection={"epochs": 3})
    assert start(_run(WEEK), output).selection is None


def test_what_was_kept_can_be_kept_again(tmp_path: Path, start) -> None:
    found = start(_run(WEEK), _left(tmp_path, _run(WEEK), age=3))
    write_selection(str(tmp_path), found.selection, found.origin)
    assert parse_selection(read_selection(str(tmp_path)) or {}) == (SELECTION, found.origin)
    assert found.origin.selected_until == TODAY - 3 * DAY
