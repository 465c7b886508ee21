"""Splits the sessions of train by time; neither TensorFlow nor Beam here."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions.splits import split_pairs

_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 24 * _MS_PER_HOUR
_PLAUSIBLE_FROM = 631_152_000_000  # the year 1990: no click log is older


class Cuts(NamedTuple):
    """Start times (ms) of the first sessions of train that become split eval and split test."""

    eval: int
    test: int | None = None


class Timeline(NamedTuple):
    """The cuts of train, None if eval is given, and the counts of `time_counts`."""

    cuts: Cuts | None
    counts: dict[str, int]


def eval_cut(start_times: Iterable[int], options: SessionOptions) -> int:
    """Returns the start time (ms) of the first session of train that becomes split eval.

    These are the sessions of the last `eval_hours` before the latest start, or else the last
    `eval_fraction`, at least one, with all that start in the same millisecond as the first.

    >>> eval_cut([5, 1, 3, 4, 2], SessionOptions(eval_fraction=0.4))
    4
    """
    ordered = sorted(start_times)
    if options.eval_hours is not None:
        return _last_period(ordered, options.eval_hours * _MS_PER_HOUR)
    return _last_share(ordered, options.eval_fraction)


def split_cuts(start_times: Iterable[int], options: SessionOptions, tail: TailOptions) -> Cuts:
    """Returns both cuts of train: its end becomes test, the end of the rest becomes eval.

    >>> split_cuts(range(10), SessionOptions(eval_fraction=0.25), TailOptions(test_fraction=0.2))
    Cuts(eval=6, test=8)
    """
    ordered = sorted(start_times)
    if not tail:
        return Cuts(eval_cut(ordered, options))
    if tail.test_days is not None:
        test = _last_period(ordered, tail.test_days * _MS_PER_DAY)
    else:
        test = _last_share(ordered, tail.test_fraction or 0.0)
    return Cuts(eval_cut(ordered[: bisect.bisect_left(ordered, test)], options), test)


def _last_period(ordered: Sequence[int], length: float) -> int:
    return ordered[-1] - int(length) + 1 if ordered else 0


def _last_share(ordered: Sequence[int], fraction: float) -> int:
    return ordered[-_held_out(len(ordered), fraction)] if ordered else 0


def _held_out(sessions: int, fraction: float) -> int:
    return max(1, int(sessions * fraction + 0.5))


def output_split(source: str, start_time: int, cuts: Cuts | None) -> str:
    """Returns the split that a session of input split `source` goes to."""
    if source != "train" or cuts is None:
        return source
    if cuts.test is not None and start_time >= cuts.test:
        return "test"
    return "eval" if start_time >= cuts.eval else "train"


def timeline(
    start_times: Mapping[str, Iterable[int]],
    inputs: Collection[str],
    options: SessionOptions,
    tail: TailOptions,
    now: int,
) -> Timeline:
    """Cuts train unless eval is given, and counts start times.

    Args:
      start_times: start times of the sessions of each input split that has any, in any order.
      inputs: names of all input splits.
      options: how much becomes eval.
      tail: how much becomes test.
      now: current time, in ms.
    """
    ordered = {split: sorted(starts) for split, starts in start_times.items()}
    counts = {
        f"{split}.distinct_starts": sum(1 for _ in itertools.groupby(starts))
        for split, starts in ordered.items()
    }
    if "train" not in ordered or "eval" in inputs:
        return Timeline(None, counts | time_counts(ordered, now))
    cuts = split_cuts(ordered["train"], options, tail)
    parts = _parts(ordered.pop("train"), cuts)
    counts |= _surplus(parts, options, tail)
    return Timeline(cuts, counts | time_counts({**parts, **ordered}, now))


def _parts(ordered: list[int], cuts: Cuts) -> dict[str, list[int]]:
    """Cuts train's start times as `output_split` does its sessions."""
    end = len(ordered) if cuts.test is None else bisect.bisect_left(ordered, cuts.test)
    middle = bisect.bisect_left(ordered, cuts.eval, hi=end)
    parts = {"train": ordered[:middle], "eval": ordered[middle:end]}
    return parts if cuts.test is None else {**parts, "test": ordered[end:]}


def _surplus(
    parts: Mapping[str, Sequence[int]], options: SessionOptions, tail: TailOptions
) -> dict[str, int]:
    """Counts sessions cut off beyond a fraction, which start together with the first in it."""
    left = sum(map(len, parts.values()))
    counts = {}
    if "test" in parts:
        if tail.test_fraction is not None:
            wanted = _held_out(left, tail.test_fraction)
            counts["test.sessions_beyond_fraction"] = len(parts["test"]) - wanted
        left -= len(parts["test"])
    if options.eval_hours is None and left:
        wanted = _held_out(left, options.eval_fraction)
        counts["eval.sessions_beyond_fraction"] = len(parts["eval"]) - wanted
    return counts


def time_counts(ordered: Mapping[str, Sequence[int]], now: int) -> dict[str, int]:
    """Returns counts of each output split's start times.

    `first_start` and `last_start` are times in ms; `sessions_in_future` start more than a day after
    `now` (ms); `sessions_before_end_of.{other}` start before the last session of an earlier split.

    Args:
      ordered: ascending start times of each output split.
      now: current time, in ms.
    """
    filled = {split: starts for split, starts in ordered.items() if starts}
    counts = {}
    for split, starts in filled.items():
        future = len(starts) - bisect.bisect_right(starts, now + _MS_PER_DAY)
        counts[f"{split}.first_start"] = starts[0]
        counts[f"{split}.last_start"] = starts[-1]
        counts[f"{split}.sessions_before_1990"] = bisect.bisect_left(starts, _PLAUSIBLE_FROM)
        counts[f"{split}.sessions_in_future"] = future
    for early, late in split_pairs(filled):
        before = bisect.bisect_left(filled[late], filled[early][-1])
        counts[f"{late}.sessions_before_end_of.{early}"] = before
    return counts
