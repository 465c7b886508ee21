"""Decides what a training run takes over from the model before: weights, choices, or nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from modules.data.session_spans import read_spans
from modules.sessions.event_times import utc_text
from modules.training.base_model import BaseModel, read_base, state_folder
from modules.training.selection_record import Origin, Selection, parse_selection
from modules.training.state_files import read_state, state_digest
from modules.training.training_run import TrainingRun
from modules.training.training_state import TrainingState, shape_of

# Options that leave open what is best on `eval`.
_INDIFFERENT = ("memory_limit_mb", "selection_days", "warm_start")
_DAY_MS = 86_400_000
# Largest share of split eval that a base model may have learned: a day's end differs by minutes.
_LEARNED_SHARE = 0.1


class Start(NamedTuple):
    """What a training run takes over.

    Attributes:
      state: weights and optimizer slots to start from; None for random ones.
      selection: choices of an earlier run, which replace this run's own; None to select.
      origin: when and how the choices are made.
      digest: digest of what is taken over, "" for nothing.
    """

    state: TrainingState | None
    selection: Selection | None
    origin: Origin
    digest: str = ""


def start_of(
    run: TrainingRun, folder: str | None, learned_until: int, eval_files: Sequence[str]
) -> Start:
    """Decides what a run takes over, and prints why something is not.

    Args:
      run: options of the run.
      folder: output of the node BaseModel; None if the pipeline does not have it.
      learned_until: start of the last session that the run learns from, ms.
      eval_files: Transform's files of split eval.
    """
    base, own = read_base(folder), Origin(options_digest(run), False, learned_until)
    if base is None or folder is None:
        return Start(None, None, own)
    if not base.version:
        print("    no earlier model: weights are random, epochs are selected", flush=True)
        return Start(None, None, own)
    state, digest = _weights(run, folder, base) if run.trainer.warm_start else (None, "")
    kept = _kept_selection(run, base, own._replace(warm_start=state is not None))
    if state is not None and kept is None and (reason := _learned_eval(base, eval_files)):
        print(f"    cold start: {reason}", flush=True)
        state, digest = None, ""
        kept = _kept_selection(run, base, own)
    if kept is None:
        return Start(state, None, own._replace(warm_start=state is not None), digest)
    selection, origin = kept
    day = utc_text(origin.selected_until)
    print(f"    epochs and score adjustments are those selected on data until {day}", flush=True)
    return Start(state, selection, origin, f"{digest} {selection}")


def _weights(run: TrainingRun, folder: str, base: BaseModel) -> tuple[TrainingState | None, str]:
    """Returns the base model's weights and their digest; None and "" if they cannot be used."""
    try:
        place = state_folder(folder)
        state, digest = read_state(place), state_digest(place)
        own, base_shape = shape_of(run.model), state.shape
        if own != base_shape:
            names = [n for n in {**own, **base_shape} if own.get(n) != base_shape.get(n)]
            raise ValueError(f"they are of a model with another {', '.join(names)}")
    except (ValueError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"    cold start: the weights of {base.version} cannot be used: {reason}", flush=True)
        return None, ""
    return state, digest


def _kept_selection(
    run: TrainingRun, base: BaseModel, own: Origin
) -> tuple[Selection, Origin] | None:
    """Returns the base model's choices if they still serve, None if they are made again."""
    days = run.trainer.selection_days
    if days <= 1 or not run.trainer.needs_model_selection:
        return None
    try:
        selection, origin = parse_selection(base.selection)
    except ValueError:
        return None
    if (origin.options, origin.warm_start) != (own.options, own.warm_start):
        return None
    # A day's last session starts some minutes earlier or later than that of another day.
    age = round((own.selected_until - origin.selected_until) / _DAY_MS)
    # A session with a wrong clock may say that they were made in the future.
    return (selection, origin) if 0 <= age < days else None


def _learned_eval(base: BaseModel, eval_files: Sequence[str]) -> str:
    """Says that the base model learned sessions of split eval; "" if it did not."""
    spans = read_spans(eval_files)
    known = base.learned_until - spans.first_start
    if known <= _LEARNED_SHARE * (spans.last_start - spans.first_start):
        return ""
    return (
        f"{base.version} learned sessions until {utc_text(base.learned_until)}, but split eval "
        f"begins on {utc_text(spans.first_start)}; sessions.eval_hours=24 makes it one day"
    )


def options_digest(run: TrainingRun) -> str:
    """Returns a digest of all options that a selection depends on."""
    trainer = dataclasses.asdict(run.trainer)
    kept = {name: value for name, value in trainer.items() if name not in _INDIFFERENT}
    options = [dataclasses.asdict(run.features), dataclasses.asdict(run.model), kept]
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()
