"""Measures what new items cost: a test file is replayed in time order, in several ways to serve.

    python benchmarks/freshness.py retailrocket /folder/with/its/files --every 24h 1h 10m
    python benchmarks/freshness.py retailrocket --run output/retailrocket --every 1h
    python benchmarks/freshness.py retailrocket /folder/with/its/files --every 1h --train-daily

A run of the preset trains the model, or `--run` names the output folder of a finished one. Its test
sessions are then evaluated, step by step, each by the model that would have served at the time of
the step's last click:

* `none`: items that the model does not know are ignored;
* `own-session`: those that the session has are recommended (`trainer.own_session_items`);
* `refreshed each ...`: so are those of a version that `session-retrieval refresh` makes so often,
  from the clicks before it;
* `trained each day`: with `--train-daily`, of a model that a run of the preset trains every 24
  hours from the first click on, on all clicks before; and refreshed, too.

No click is used before it happened. The known view is that of items that the first model knows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.preset_runs import run_preset  # noqa: E402
from modules.array_types import BoolArray, IntArray  # noqa: E402
from modules.copies.recent_clicks import RecentClicks, to_array  # noqa: E402
from modules.evaluation.metric_names import headline_names  # noqa: E402
from modules.evaluation.metrics import (  # noqa: E402
    metrics_from_rank_histograms,
    rank_histograms,
)
from modules.files.learned_data import read_learned  # noqa: E402
from modules.files.model_folder import known_items  # noqa: E402
from modules.sessions.examples import read_batches  # noqa: E402
from pipeline.cli.commands.refresh import duration, features_of_new_items  # noqa: E402
from pipeline.config import load_config  # noqa: E402
from pipeline.run.run_folders import CONFIG_FILE  # noqa: E402
from serving.click_refresh import ClickRefresher, ItemValues, Limits  # noqa: E402
from serving.pushed_models import load_model  # noqa: E402

COLUMNS = (*headline_names(), "new targets found")
LEARNED = ("train", "eval")
DAY_MS = 24 * 3_600_000
_K = 20
_SESSIONS_AT_ONCE = 256


class Session(NamedTuple):
    """A test session: serialized, its items' ids, and the times of its clicks in ms."""

    serialized: bytes
    item_ids: list[bytes]
    times: IntArray


class Trained(NamedTuple):
    """A model, and the time from which on it serves, in ms."""

    since: int
    folder: Path


class Ranks(NamedTuple):
    """Ranks of the targets of all steps, int64 `[sessions, steps]`; 0 where there is no step.

    Attributes:
      rank: as the model answers.
      without: in the answers to the prefix without unknown items.
    """

    rank: IntArray
    without: IntArray


def read_sessions(folder: Path) -> list[Session]:
    """Returns the sessions of a split's Examples."""
    found = []
    for batch in read_batches(str(folder)):
        bounds = batch.offsets
        for row, serialized in enumerate(batch.serialized.tolist()):
            part = slice(bounds[row], bounds[row + 1])
            found.append(Session(serialized, batch.items[part].tolist(), batch.times[part]))
    return found


def clicks_of(sessions: Sequence[Session]) -> RecentClicks:
    """Returns the clicks of sessions."""
    place: dict[bytes, int] = {}
    items = [place.setdefault(item, len(place)) for each in sessions for item in each.item_ids]
    lengths = [len(session.times) for session in sessions]
    return RecentClicks(
        session=np.repeat(np.arange(len(sessions)), lengths),
        time=np.concatenate([session.times for session in sessions]),
        item=np.array(items, np.int64),
        item_ids=to_array(list(place)),
        rejected=Counter(),
    )


def replay(
    models: Sequence[Trained],
    sessions: Sequence[Session],
    every: int | None,
    values_of: ItemValues | None = None,
) -> Ranks:
    """Ranks the targets of all steps by the models that would have served.

    Args:
      models: by the time from which on they serve; the first one serves before, too.
      sessions: what is replayed.
      every: time between two refreshes, ms; None for no refresh.
      values_of: returns features of new items, which refreshes then use; None for none.
    """
    clicks = clicks_of(sessions)
    longest = max(len(session.times) for session in sessions) - 1
    ranks = Ranks(*np.zeros([2, len(sessions), longest], np.int64))
    refresher: ClickRefresher | None = None
    for begin, end, trained in _spans(models, clicks, every):
        served = _steps_between(sessions, begin, end)
        if not served:
            continue
        if refresher is None or refresher.base != trained.folder:
            refresher = ClickRefresher(trained.folder, Limits(), values_of)
        learned = read_learned(str(trained.folder))
        since = learned.last_event + 1 if learned else 0
        before = clicks.before(begin, since)
        model = refresher.model
        if every is not None and len(before.time):
            with tempfile.TemporaryDirectory() as scratch:
                refresher.write_copy(before, Path(scratch, "copy"))
                model = load_model(Path(scratch, "copy"))
        _evaluate(model, sessions, served, ranks)
    return ranks


def _spans(
    models: Sequence[Trained], clicks: RecentClicks, every: int | None
) -> Iterator[tuple[int, int, Trained]]:
    """Yields spans of time, from one change of what serves to the next, and the trained model."""
    first, last = int(clicks.time.min()), int(clicks.time.max()) + 1
    edges = {first, last, *(model.since for model in models if first < model.since < last)}
    if every is not None:
        edges |= set(range(first, last, every))
    for begin, end in pairwise(sorted(edges)):
        yield begin, end, [models[0], *(model for model in models if model.since <= begin)][-1]


def _steps_between(
    sessions: Sequence[Session], begin: int, end: int
) -> list[tuple[int, BoolArray]]:
    """Returns sessions with steps whose last click is in a span, and which steps those are."""
    found = []
    for number, session in enumerate(sessions):
        times = session.times[:-1]
        if len(times) and times[0] < end and times[-1] >= begin:
            is_served = (times >= begin) & (times < end)
            if is_served.any():
                found.append((number, is_served))
    return found


def _evaluate(
    model: object,
    sessions: Sequence[Session],
    served: Sequence[tuple[int, BoolArray]],
    ranks: Ranks,
) -> None:
    """Writes the ranks of the steps that a model serves."""
    for start in range(0, len(served), _SESSIONS_AT_ONCE):
        part = served[start : start + _SESSIONS_AT_ONCE]
        examples = tf.constant([sessions[number].serialized for number, _ in part])
        outputs = model.signatures["evaluate"](examples=examples)  # type: ignore[attr-defined]
        columns = (outputs["rank"].numpy(), outputs["known_rank"].numpy())
        for row, (number, is_served) in enumerate(part):
            (steps,) = np.nonzero(is_served)
            for values, column in zip(ranks, columns, strict=True):
                values[number, steps] = column[row, steps]


def known_steps(sessions: Sequence[Session], known: frozenset[bytes]) -> IntArray:
    """Returns which steps the known view counts, int64 `[sessions, steps]`: 1 or 0."""
    longest = max(len(session.times) for session in sessions) - 1
    found = np.zeros([len(sessions), longest], np.int64)
    for number, session in enumerate(sessions):
        is_known = np.array([item in known for item in session.item_ids])
        found[number, : len(is_known) - 1] = is_known[1:] & (np.cumsum(is_known)[:-1] > 0)
    return found


def metrics(rank: IntArray, counts: IntArray, without: IntArray | None = None) -> dict[str, float]:
    """Returns the values of `COLUMNS` by name.

    Args:
      rank: ranks of all steps, `[sessions, steps]`.
      counts: output of `known_steps`.
      without: ranks for the known view; None for the same ones.
    """
    found = metrics_from_rank_histograms(rank_histograms(rank, counts, without))
    is_new = (rank > 0) & (counts == 0)
    found[COLUMNS[-1]] = float((rank[is_new] <= _K).mean()) if is_new.any() else float("nan")
    return {name: found[name] for name in COLUMNS}


def table_row(way: str, values: dict[str, float]) -> str:
    """Returns a row of the Markdown table."""
    return f"| {way} | " + " | ".join(f"{values[name]:.4f}" for name in COLUMNS) + " |"


def _newest(out: Path, pattern: str) -> Path:
    found = sorted(out.glob(f"artifacts/{pattern}"), key=lambda path: int(path.parent.name))
    if not found:
        raise SystemExit(f"{out} has no artifacts/{pattern}: name the output folder of a whole run")
    return found[-1]


def model_of(out: Path) -> Path:
    """Returns the newest trained model of an output folder."""
    return _newest(out, "Trainer/model/*/Format-Serving")


def train_daily(
    preset: str, seed: int, overrides: Sequence[str], out: Path, sessions: list[Session], to: Path
) -> list[Trained]:
    """Trains a model every 24 hours from the first click on, on all clicks before.

    Args:
      preset: name of the preset.
      seed: seed of all runs.
      overrides: options of all runs.
      out: output folder of the run that trained the first model.
      sessions: what is replayed.
      to: folder of the runs.
    """
    splits = [_newest(out, f"SessionExampleGen/examples/*/Split-{name}") for name in LEARNED]
    before = [session for folder in splits for session in read_sessions(folder)]
    first = min(int(session.times[0]) for session in sessions)
    last = max(int(session.times[-1]) for session in sessions)
    found = [Trained(first, model_of(out))]
    for day in range(first + DAY_MS, last, DAY_MS):
        folder = to / f"day-{len(found)}"
        folder.mkdir(parents=True)
        write_log([*before, *sessions], day, folder / "train.tsv")
        write_log(sessions, last + 1, folder / "test.tsv")
        files = ["data.train=train.tsv", "data.test=test.tsv"]
        run_preset(preset, folder, seed, [*overrides, *files], folder / "out")
        found.append(Trained(day, model_of(folder / "out")))
    return found


def write_log(sessions: Sequence[Session], until: int, file: Path) -> None:
    """Writes the clicks of sessions before a time, in ms, as a click log."""
    with file.open("wb") as log:
        log.write(b"SessionId\tItemId\tTime\n")
        for number, session in enumerate(sessions):
            for item, time in zip(session.item_ids, session.times.tolist(), strict=True):
                if time < until:
                    log.write(b"%d\t%s\t%d\n" % (number, item, time))


def main() -> None:
    """Runs the preset, unless that is done, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", help="name of a preset")
    parser.add_argument("data", type=Path, nargs="?", help="folder with the preset's files")
    parser.add_argument("--run", type=Path, help="output folder of a finished run of the preset")
    parser.add_argument("--every", nargs="*", default=[], help="time between refreshes: 24h 1h 10m")
    parser.add_argument("--train-daily", action="store_true", help="train each day, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    if (arguments.data is None) == (arguments.run is None):
        parser.error("give the folder of the preset's files, or --run")
    with tempfile.TemporaryDirectory() as folder:
        out = arguments.run
        if out is None:
            out, data = Path(folder) / "run", arguments.data.absolute()
            run_preset(arguments.preset, data, arguments.seed, arguments.set, out)
        sessions = read_sessions(_newest(out, "SessionExampleGen/examples/*/Split-test"))
        models = [Trained(0, model_of(out))]
        counts = known_steps(sessions, frozenset(known_items(str(models[0].folder)) or ()))
        print("| | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|", flush=True)

        def show(way: str, ranks: IntArray, without: IntArray | None = None) -> None:
            """Prints a row as soon as it is known: a replay may take an hour."""
            print(table_row(way, metrics(ranks, counts, without)), flush=True)

        ranks = replay(models, sessions, None)
        show("none", ranks.without)
        show("own-session", ranks.rank, ranks.without)
        config = load_config(str(out / CONFIG_FILE), data=None)
        values_of = features_of_new_items(config)
        for text in arguments.every:
            every = int(duration(text) * 1000)
            show(f"refreshed each {text}", replay(models, sessions, every).rank)
            if values_of:
                ranks = replay(models, sessions, every, values_of)
                show(f"refreshed each {text}, with item features of new items", ranks.rank)
        if arguments.train_daily:
            runs = Path(folder) / "daily"
            options = (arguments.preset, arguments.seed, arguments.set)
            models = train_daily(*options, out, sessions, runs)
            show("trained each day", replay(models, sessions, None).rank)
            for text in arguments.every:
                ranks = replay(models, sessions, int(duration(text) * 1000), values_of)
                show(f"trained each day, refreshed each {text}", ranks.rank)


if __name__ == "__main__":
    main()
