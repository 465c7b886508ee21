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
import dataclasses
import gzip
import json
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import modules  # noqa: E402, F401  # isort: skip  (Keras 2)
import tensorflow as tf  # noqa: E402

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

WINDOW = 7
_DAY_MS, _BEGIN_MS = 86_400_000, 3 * 3_600_000
_STEPS_PER_BLOCK = 512
WAYS = ("scratch", "kept", "warm", "warm, kept", "yesterday", "stan")


class Session(NamedTuple):
    """A session: start in ms, and item ids in time order."""

    start: int
    item_ids: list[bytes]


class Way(NamedTuple):
    """What one way of training hands from day to day."""

    state: TrainingState | None = None
    kept: Selection | None = None


def read_sessions(files: Iterable[Path]) -> list[Session]:
    """Reads TSVs with SessionId, ItemId and Time in ms; ids may recur in another file."""
    events: dict[tuple[Path, bytes], list[tuple[int, bytes]]] = defaultdict(list)
    for file in files:
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for row in text.splitlines()[1:]:
            session, item, moment = row.split(b"\t")[:3]
            events[file, session].append((int(float(moment)), item))
    sessions = [sorted(rows, key=lambda row: row[0]) for rows in events.values()]
    found = [Session(rows[0][0], [item for _, item in rows]) for rows in sessions if len(rows) > 1]
    return sorted(found, key=lambda session: session.start)


def in_days(sessions: Sequence[Session], per_day: int | None) -> list[list[Session]]:
    """Cuts sessions into days; see the module."""
    days: dict[int, list[Session]] = defaultdict(list)
    for number, session in enumerate(sessions):
        day = number // per_day if per_day else (session.start - _BEGIN_MS) // _DAY_MS
        days[day].append(session)
    return [days[day] for day in sorted(days)]


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
    """Ranks the target of every step as the served model would; `UNRANKED` for an unknown one."""
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
    """Returns Recall@20 and MRR@20."""
    hit = rank <= 20
    return np.array([hit.mean(), np.where(hit, 1 / rank, 0).mean()])


def stan_ranks(train: Sequence[Session], test: Sequence[Session]) -> IntArray:
    """Ranks the target of every step by STAN."""
    known, asked = ([session.item_ids for session in part] for part in (train, test))
    splits = IndexedSplits.of(known, asked, [session.start for session in train])
    baseline = make_baseline("stan")
    baseline.fit(splits.train, splits.items)
    return splits.ranks(baseline).rank


def main() -> None:
    """Trains for all days by all ways, and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", help="name of a preset, whose options are used")
    parser.add_argument("files", type=Path, nargs="+", help="TSVs, in ms since 1970")
    parser.add_argument("--sessions-per-day", type=int)
    parser.add_argument("--days", type=int, help="the last days of the log; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--json", type=Path, help="file for the results")
    arguments = parser.parse_args()
    exempt_keras_from_autograph()
    days = in_days(read_sessions(arguments.files), arguments.sessions_per_day)
    days = days[-arguments.days :] if arguments.days else days
    config = load_without_files(arguments.preset, (f"trainer.seed={arguments.seed}",))
    run = TrainingRun(config.features, config.model, config.trainer, "", "", "")
    ways = {name: Way() for name in arguments.ways}
    results: list[dict[str, Any]] = []
    stale: tuple[FitResult, Vocabulary] | None = None
    for day in range(WINDOW, len(days)):
        train = [session for part in days[day - WINDOW : day - 1] for session in part]
        learned = [*train, *days[day - 1]]
        vocabulary = vocabulary_of(learned)
        for name in ways:
            begin, fitted = time.process_time(), None
            if name == "stan":
                rank = stan_ranks(learned, days[day])
            elif name == "yesterday":
                if stale is None:
                    continue
                rank = model_ranks(*stale, days[day], run.features.max_context)
            else:
                fitted = _train(run, vocabulary, train, days[day - 1], ways[name])
                ways[name] = _handed_on(name, ways[name], fitted, vocabulary, run)
            seconds = time.process_time() - begin
            if fitted:
                rank = model_ranks(fitted, vocabulary, days[day], run.features.max_context)
                if name == "scratch":
                    following = fitted, vocabulary
            recall, mrr = metrics(rank)
            row = {"day": day + 1, "way": name, "recall@20": recall, "mrr@20": mrr}
            row |= {"cpu_seconds": seconds, "epochs": fitted and fitted.selection.epochs}
            row |= {"steps": len(rank)}
            results.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
        stale = following if "scratch" in ways else None
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print("\n".join(table(results)))


def _train(
    run: TrainingRun,
    vocabulary: Vocabulary,
    train: Sequence[Session],
    evaluation: Sequence[Session],
    way: Way,
) -> FitResult:
    folder = Path(tempfile.mkdtemp())
    try:
        run = dataclasses.replace(run, checkpoints=str(folder / "fit"), logs=str(folder / "logs"))
        splits = {"train": train, "eval": evaluation}
        files = [
            [write_windows(folder / f"{name}.gz", part, vocabulary, run.features.max_context)]
            for name, part in splits.items()
        ]
        return select_and_refit(run, vocabulary, *files, state=way.state, kept=way.kept)
    finally:
        shutil.rmtree(folder)


def _handed_on(
    name: str, before: Way, fitted: FitResult, vocabulary: Vocabulary, run: TrainingRun
) -> Way:
    """Returns what the next day begins with."""
    state = capture(fitted.model, catalogue_ids(vocabulary), run.model) if "warm" in name else None
    # A cold run's epochs are too many for a warm one.
    keeps = "kept" in name and (name == "kept" or before.state is not None)
    return Way(state, fitted.selection if keeps else None)


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the lines of a Markdown table: a row per way and the mean over its days."""
    numbers = sorted({row["day"] for row in results})
    lines = ["| | " + " | ".join(f"day {n}" for n in numbers) + " | mean | epochs | CPU s |"]
    lines.append("|---" * (len(numbers) + 4) + "|")
    for name in dict.fromkeys(row["way"] for row in results):
        rows = {row["day"]: row for row in results if row["way"] == name}
        cells = [_cell([rows[n]]) if n in rows else "-" for n in numbers]
        epochs = [row["epochs"] for row in rows.values() if row["epochs"]]
        cells += [_cell(list(rows.values())), f"{np.mean(epochs):.1f}" if epochs else "-"]
        cells += [f"{np.mean([row['cpu_seconds'] for row in rows.values()]):.0f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _cell(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the mean Recall@20 and MRR@20 of some days."""
    means = (np.mean([row[name] for row in rows]) for name in ("recall@20", "mrr@20"))
    return " / ".join(f"{mean:.3f}".lstrip("0") for mean in means)


if __name__ == "__main__":
    main()
