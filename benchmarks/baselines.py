"""Measures the baselines: time to fit and to evaluate, CPU time, rates and peak memory.

    python benchmarks/baselines.py                                 # full RetailRocket's shape
    python benchmarks/baselines.py --sessions 20000                # a quick look
    python benchmarks/baselines.py --train week1.tsv --test week2.tsv

Without files the sessions are made up: 187,000 training sessions of 672,000 events over 36,500
items, and the 8,000 of a test week. Every baseline is measured in a process of its own, so that its
peak memory is its own; the first row is the data alone. The reference is V-SkNN by dicts and sets,
step by step, as in published code; it ranks only a sample of the steps. Ratios are of steps per
second of CPU time, which a busy machine disturbs less than wall time.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import output_of  # noqa: E402
from modules.array_types import IntArray  # noqa: E402
from modules.baselines.registry import IndexedSplits, make_baseline  # noqa: E402
from modules.baselines.session_knn import VSkNN  # noqa: E402
from modules.config.options.baselines import BASELINE_NAMES  # noqa: E402
from modules.evaluation.metrics import metrics_from_rank_histograms  # noqa: E402
from modules.evaluation.prediction_steps import IndexedSessions  # noqa: E402
from modules.evaluation.ranks import UNRANKED  # noqa: E402

DATA, REFERENCE = "(data alone)", "plain V-SkNN"
ITEMS_PER_SESSION = 36_600 / 187_000
REFERENCE_STEPS = 500
_FIRST_MS, _DAY_MS = 1_430_000_000_000, 86_400_000


class Sessions(NamedTuple):
    """Item ids and start times of sessions."""

    item_ids: list[list[int]]
    start_times: list[int]


class Clock(NamedTuple):
    """Wall time and CPU time of this process, in seconds."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Clock:
        """Reads both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, begin: Clock) -> Clock:
        """Returns the seconds between two readings."""
        return Clock(self.wall - begin.wall, self.cpu - begin.cpu)


class Measurement(NamedTuple):
    """One baseline."""

    name: str
    fit: Clock
    evaluate: Clock
    train_events: int
    steps: int
    peak_mib: float
    recall: float


def make_sessions(sessions: int, items: int, seed: int, begin: int, days: int) -> Sessions:
    """Makes sessions of RetailRocket's shape: 3.6 events each, the best item .3 % of all events.

    A session stays among neighbors in a line of items, so that sessions have items in common.
    """
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, sessions) - 1, 198)
    weight = (np.arange(items) + 20.0) ** -0.8
    place = np.random.default_rng(0).permutation(items)
    entry = draw.choice(items, sessions, p=weight / weight.sum())
    session = np.repeat(np.arange(sessions), lengths)
    far = np.abs(draw.standard_cauchy(len(session)) * 3).astype(np.int64)
    ids = place[(entry[session] + far) % items]
    starts = np.sort(begin + draw.integers(0, days * _DAY_MS, sessions))
    parts = np.split(ids, np.cumsum(lengths)[:-1])
    return Sessions([part.tolist() for part in parts], starts.tolist())


def read_sessions(path: Path) -> Sessions:
    """Reads a TSV with SessionId, ItemId and Time."""
    found: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found[row["SessionId"]].append((float(row["Time"]), int(row["ItemId"])))
    ordered = [sorted(events, key=lambda event: event[0]) for events in found.values()]
    unit = 1 if max(events[-1][0] for events in ordered) > 1e11 else 1000
    return Sessions(
        [[item for _, item in events] for events in ordered],
        [int(events[0][0] * unit) for events in ordered],
    )


def load(arguments: argparse.Namespace) -> IndexedSplits:
    """Reads or makes the sessions."""
    if arguments.train:
        train, test = read_sessions(arguments.train), read_sessions(arguments.test)
    else:
        count = arguments.sessions
        items = math.ceil(count * ITEMS_PER_SESSION)
        train = make_sessions(count, items, 1, _FIRST_MS, 130)
        test = make_sessions(min(8_000, count), items, 2, _FIRST_MS + 130 * _DAY_MS, 7)
    return IndexedSplits.of(train.item_ids, test.item_ids, train.start_times)


class PlainVSkNN:
    """V-SkNN by dicts and sets; the same ranks, but for ties, as `session_knn.VSkNN`."""

    def __init__(self, settings: VSkNN) -> None:
        """Takes the settings of the baseline with which it is compared."""
        self._settings = settings

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Lists the items of each session and the sessions of each item."""
        self.items = items
        assert sessions.start_times is not None
        self._time = sessions.start_times.tolist()
        events = Counter(sessions.items.tolist())
        weight, total = self._settings.idf_weight, len(self._time)
        self._item_weight = {i: 1 + weight * math.log(total / n) for i, n in events.items()}
        parts = np.split(sessions.items, sessions.offsets[1:-1])
        self._items_of = [set(part.tolist()) for part in parts]
        self._sessions_of: defaultdict[int, set[int]] = defaultdict(set)
        for session, held in enumerate(self._items_of):
            for item in held:
                self._sessions_of[item].add(session)

    def rank(self, prefix: list[int], target: int) -> int:
        """Returns the target's rank after a prefix."""
        weight = {item: place / len(prefix) for place, item in enumerate(prefix, 1)}
        shared = set().union(*(self._sessions_of[item] for item in weight))
        newest = sorted(shared, key=self._time.__getitem__, reverse=True)[: self._settings.recent]
        similarity = {
            session: sum(weight[item] for item in self._items_of[session] if item in weight)
            for session in newest
        }
        nearest = sorted(similarity, key=similarity.__getitem__, reverse=True)
        scores: defaultdict[int, float] = defaultdict(float)
        for session in nearest[: self._settings.neighbors]:
            held = self._items_of[session]
            youngest = next(n for n, item in enumerate(reversed(prefix), 1) if item in held)
            for item in held:
                given = similarity[session] / youngest
                scores[item] += given * self._item_weight[item]
        if target not in scores:
            return UNRANKED
        return sum(score >= scores[target] for score in scores.values())


def measure_one(name: str, data: IndexedSplits) -> Measurement:
    """Fits and evaluates one baseline, or the reference, in this process."""
    begin, recall, steps = Clock.now(), float("nan"), 0
    fitted = begin
    if name == REFERENCE:
        steps, fitted, recall = _evaluate_reference(data)
    elif name != DATA:
        baseline = make_baseline(name)
        baseline.fit(data.train, data.items)
        fitted = Clock.now()
        ranks = data.ranks(baseline)
        steps = len(data.steps)
        recall = metrics_from_rank_histograms(ranks.histograms())["known/all/recall@20"]
    return Measurement(
        name=name,
        fit=fitted.since(begin),
        evaluate=Clock.now().since(fitted),
        train_events=len(data.train.items),
        steps=steps,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        recall=recall,
    )


def _evaluate_reference(data: IndexedSplits) -> tuple[int, Clock, float]:
    reference = PlainVSkNN(VSkNN())
    reference.fit(data.train, data.items)
    fitted = Clock.now()
    known = np.flatnonzero(data.known)
    chosen = known[np.linspace(0, len(known) - 1, min(REFERENCE_STEPS, len(known))).astype(int)]
    steps = data.steps.take(chosen)
    ranks: IntArray = np.array(
        [
            reference.rank(steps.items[first:end].tolist(), int(target))
            for first, end, target in zip(steps.first, steps.end, steps.target, strict=True)
        ]
    )
    return len(steps), fitted, float(np.mean(ranks <= 20))


def report(measurements: Sequence[Measurement]) -> str:
    """Formats the table and the ratios against the reference."""
    lines = [
        f"{'baseline':<20}{'fit s':>8}{'eval s':>9}{'CPU s':>8}{'train events/s':>16}"
        f"{'steps/s':>10}{'peak MiB':>10}{'recall@20':>11}{'ratio':>9}"
    ]
    rates = {m.name: m.steps / m.evaluate.cpu for m in measurements if m.steps}
    for m in measurements:
        cells = [f"{m.fit.wall:.2f}", f"{m.evaluate.wall:.2f}", f"{m.fit.cpu + m.evaluate.cpu:.2f}"]
        if m.steps:
            cells += [f"{m.train_events / m.fit.wall:,.0f}", f"{m.steps / m.evaluate.wall:,.0f}"]
            cells += [
                f"{m.peak_mib:,.0f}",
                f"{m.recall:.4f}",
                f"{rates[m.name] / rates[REFERENCE]:.1f}",
            ]
        else:
            cells += ["-", "-", f"{m.peak_mib:,.0f}", "-", "-"]
        widths = (8, 9, 8, 16, 10, 10, 11, 9)
        row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{m.name:<20}{row}")
    own = [m for m in measurements if m.name in BASELINE_NAMES]
    wall = sum(m.fit.wall + m.evaluate.wall for m in own)
    cpu = sum(m.fit.cpu + m.evaluate.cpu for m in own)
    lines.append(f"All baselines: {wall:.1f} s, {cpu:.1f} s of CPU time")
    return "\n".join(lines)


def main() -> None:
    """Measures all baselines, or, with --measure, one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=187_000, help="made-up training sessions")
    parser.add_argument("--train", type=Path, help="TSV of training sessions; needs --test")
    parser.add_argument("--test", type=Path, help="TSV of test sessions")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if (arguments.train is None) != (arguments.test is None):
        parser.error("--train and --test need each other")
    if arguments.measure:
        print(json.dumps(measure_one(arguments.measure, load(arguments))._asdict()))
        return
    measurements = []
    for name in (DATA, REFERENCE, *BASELINE_NAMES):
        command = [sys.executable, __file__, *sys.argv[1:], "--measure", name]
        found = json.loads(output_of(command, name).splitlines()[-1])
        found |= {part: Clock(*found[part]) for part in ("fit", "evaluate")}
        measurements.append(Measurement(**found))
    data = load(arguments)
    print(
        f"{len(data.train.offsets) - 1:,} training sessions, {len(data.train.items):,} events, "
        f"{data.items:,} items; {len(data.steps):,} steps of {len(data.offsets) - 1:,} test "
        f"sessions"
    )
    print(report(measurements))


if __name__ == "__main__":
    main()
