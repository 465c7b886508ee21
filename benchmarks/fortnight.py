"""Trains a model for each day of a log and evaluates it on that day, by several ways to start.

    python benchmarks/fortnight.py retailrocket week1.tsv week2.tsv
    python benchmarks/fortnight.py retailrocket train.tsv.gz --sessions-per-day 900 --days 21

Days begin at 03:00 UTC; with `--sessions-per-day` they are so many consecutive sessions, for logs
whose times are made up. Each day is predicted by models of the 7 days before; the last of these is
split eval, then the model is refitted on all 7. The training code is the pipeline's, called without
TFX. Metrics count all steps (the honest view): an item that a model does not know is a miss.

* `scratch`: random weights, epochs and score adjustments selected every day.
* `kept`: random weights, the first day's choices.
* `warm`: from the day before's weights, selected every day.
* `warm, kept`: from the day before's weights, the second day's choices (the first is cold).
* `yesterday`: the model that `scratch` trained for the day before.
* `stan`: the baseline STAN, fitted every day.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import modules  # noqa: E402, F401  # isort: skip  (Keras 2)
import tensorflow as tf  # noqa: E402

from benchmarks.common.daily_sessions import (  # noqa: E402
    Day,
    Session,
    add_log_arguments,
    day_of,
    days_of_log,
)
from benchmarks.training import load_without_files  # noqa: E402
from modules.array_types import FloatArray, IntArray  # noqa: E402
from modules.baselines.registry import IndexedSplits, make_baseline  # noqa: E402
from modules.data.item_indices import FIRST_ITEM, NO_ITEM  # noqa: E402
from modules.data.vocabulary import Vocabulary  # noqa: E402
from modules.data.windowing import FEATURE, step_windows  # noqa: E402
from modules.evaluation.prediction_steps import all_steps, index_sessions  # noqa: E402
from modules.evaluation.ranks import UNRANKED, conservative_rank  # noqa: E402
from modules.model.tf_keras_compat import exempt_keras_from_autograph  # noqa: E402
from modules.serving.score_adjustments import adjust_scores  # noqa: E402
from modules.training.fitting import FitResult, catalogue_ids, select_and_refit  # noqa: E402
from modules.training.selection_record import Selection  # noqa: E402
from modules.training.training_run import TrainingRun  # noqa: E402
from modules.training.training_state import TrainingState, capture  # noqa: E402

_STEPS_PER_BLOCK = 512
TRAINED = ("scratch", "kept", "warm", "warm, kept")
WAYS = (*TRAINED, "yesterday", "stan")


class Way(NamedTuple):
    """What one way of training hands from day to day."""

    state: TrainingState | None = None
    kept: Selection | None = None


class Result(NamedTuple):
    """A trained model: what it hands on, CPU time, and metrics on its day and the next one."""

    state: TrainingState
    selection: Selection
    seconds: float
    metrics: FloatArray
    metrics_next: FloatArray | None


def vocabulary_of(sessions: Sequence[Session]) -> Vocabulary:
    """Returns the vocabulary that Transform would write, but for the order of equal counts."""
    counts = Counter(item for session in sessions for item in session.item_ids)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    item_ids, values = zip(*ordered, strict=True)
    return Vocabulary(np.array(item_ids, object), np.array(values, np.int64), len(item_ids))


def write_windows(
    file: Path, sessions: Sequence[Session], vocabulary: Vocabulary, max_context: int
) -> str:
    """Writes the windows of sessions as Transform does, and returns the name of the file."""
    places = {item: FIRST_ITEM + place for place, item in enumerate(vocabulary.item_ids)}
    rows = tf.ragged.constant(
        [[places[item] for item in session.item_ids] for session in sessions], tf.int64
    )
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for values in step_windows(rows, max_context).to_list():
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
            features = tf.train.Features(feature={FEATURE: feature})
            writer.write(tf.train.Example(features=features).SerializeToString())
    return str(file)


def model_ranks(
    fitted: FitResult, vocabulary: Vocabulary, test: Sequence[Session], max_context: int
) -> IntArray:
    """Ranks the target of every step as a served model without own items."""
    places = {item: place for place, item in enumerate(vocabulary.item_ids)}
    steps, _ = all_steps(index_sessions([session.item_ids for session in test], places))
    rank = np.full(len(steps), UNRANKED, np.int64)
    nothing = (steps.end == steps.first) & (steps.target != NO_ITEM)
    rank[nothing] = steps.target[nothing] + 1  # by popularity
    asked = np.flatnonzero((steps.end > steps.first) & (steps.target != NO_ITEM))
    for begin in range(0, len(asked), _STEPS_PER_BLOCK):
        block = steps.take(asked[begin : begin + _STEPS_PER_BLOCK])
        first = np.maximum(block.first, block.end - max_context)
        place = first[:, None] + np.arange(max_context)
        inside = place < block.end[:, None]
        context = np.where(inside, block.items[np.where(inside, place, 0)], NO_ITEM)
        padded = tf.constant(np.where(inside, context + FIRST_ITEM, 0), tf.int32)
        scores = adjust_scores(
            fitted.model.catalogue_scores(padded),
            tf.constant(context, tf.int32),
            fitted.selection.adjustments.seen,
        )
        rank[asked[begin : begin + _STEPS_PER_BLOCK]] = conservative_rank(scores, block.target)
    return rank


def metrics(rank: IntArray) -> FloatArray:
    """Returns Recall@20, MRR@20 and the number of steps."""
    hit = rank <= 20
    return np.array([hit.mean(), np.where(hit, 1 / rank, 0).mean(), len(rank)])


def stan_ranks(day: Day) -> IntArray:
    """Ranks the target of every step by STAN."""
    learned = [*day.train, *day.evaluation]
    known, asked = ([session.item_ids for session in part] for part in (learned, day.test))
    starts = [session.start for session in learned]
    splits = IndexedSplits.of(known, asked, starts, own_items=False)
    baseline = make_baseline("stan")
    baseline.fit(splits.train, splits.items)
    return splits.ranks(baseline).rank.astype(np.int64)


def train(preset: str, seed: int, day: Day, way: Way) -> Result:
    """Trains and evaluates the model of a day; in a process of its own, which frees its memory."""
    exempt_keras_from_autograph()
    config = load_without_files(preset, (f"trainer.seed={seed}",))
    width, vocabulary = config.features.max_context, vocabulary_of([*day.train, *day.evaluation])
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        places = (str(folder / "checkpoints"), str(folder / "logs"))
        run = TrainingRun(config.features, config.model, config.trainer, "", *places)
        files = [
            [write_windows(folder / f"{name}.gz", part, vocabulary, width)]
            for name, part in (("train", day.train), ("eval", day.evaluation))
        ]
        fitted = select_and_refit(run, vocabulary, *files, state=way.state, kept=way.kept)
    state = capture(fitted.model, catalogue_ids(vocabulary), config.model)
    seconds = time.process_time() - begin
    today, later = (
        metrics(model_ranks(fitted, vocabulary, part, width)) if part else None
        for part in (day.test, day.next)
    )
    assert today is not None
    return Result(state, fitted.selection, seconds, today, later)


def main() -> None:
    """Trains for all days by all ways, and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_log_arguments(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--json", type=Path, help="file for the results, written day by day")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the pool ends its process
    days = days_of_log(arguments)
    ways = {name: Way() for name in arguments.ways if name in TRAINED}
    results: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for number in range(arguments.first - 1, len(days)):
            day, cold = day_of(days, number), None
            for name, way in ways.items():
                starts_cold = way.state is None and way.kept is None
                result = cold if starts_cold else None
                if result is None:
                    result = pool.apply(train, (arguments.preset, arguments.seed, day, way))
                cold = result if starts_cold else cold
                ways[name] = _handed_on(name, way, result)
                epochs = result.selection.epochs
                _add(results, number, name, result.metrics, result.seconds, epochs)
                if name == "scratch" and "yesterday" in arguments.ways and day.next:
                    assert result.metrics_next is not None
                    _add(results, number + 1, "yesterday", result.metrics_next)
            if "stan" in arguments.ways:
                _add(results, number, "stan", metrics(stan_ranks(day)))
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print("\n".join(table(results)))


def _handed_on(name: str, before: Way, result: Result) -> Way:
    """Returns what the next day begins with."""
    state = result.state if "warm" in name else None
    # A cold run's epochs are too many for a warm one.
    keeps = "kept" in name and (name == "kept" or before.state is not None)
    return Way(state, result.selection if keeps else None)


def _add(
    results: list[dict[str, Any]],
    number: int,
    way: str,
    found: FloatArray,
    seconds: float = 0.0,
    epochs: int | None = None,
) -> None:
    values = {"recall@20": found[0], "mrr@20": found[1], "steps": int(found[2])}
    row = {"day": number + 1, "way": way, **values, "cpu_seconds": seconds, "epochs": epochs}
    results.append(row)
    print(json.dumps(row), file=sys.stderr, flush=True)


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the lines of a Markdown table: a row per way, its mean over steps, CPU time a day."""
    numbers = sorted({row["day"] for row in results})
    lines = ["| | " + " | ".join(f"day {n}" for n in numbers) + " | all | epochs | CPU s |"]
    lines.append("|---" * (len(numbers) + 4) + "|")
    for name in dict.fromkeys(row["way"] for row in results):
        rows = {row["day"]: row for row in results if row["way"] == name}
        cells = [_cell([rows[n]]) if n in rows else "-" for n in numbers]
        epochs = [row["epochs"] for row in rows.values() if row["epochs"]]
        cells += [_cell(list(rows.values())), f"{np.mean(epochs):.1f}" if epochs else "-"]
        cells += [f"{np.median([row['cpu_seconds'] for row in rows.values()]):.0f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _cell(rows: Sequence[dict[str, Any]]) -> str:
    """Returns Recall@20 and MRR@20 of all steps of some days."""
    steps = [row["steps"] for row in rows]
    means = (
        np.average([row[name] for row in rows], weights=steps) for name in ("recall@20", "mrr@20")
    )
    return " / ".join(f"{mean:.3f}".lstrip("0") for mean in means)


if __name__ == "__main__":
    main()
