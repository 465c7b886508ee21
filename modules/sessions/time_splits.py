"""Splits the sessions of train by time; neither TensorFlow nor Beam here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions.event_times import MS_PER_DAY, PLAUSIBLE_FROM
from modules.sessions.splits import split_pairs
from modules.sessions.start_histogram import MS_PER_HOUR, StartHistogram


class Cuts(NamedTuple):
    """Start times (ms) of the first sessions of train that become split eval and split test."""

    eval: int
    test: int | None = None


class Period(NamedTuple):
    """Start times (ms) that divide a log of days.

    Sessions from `first` up to `test` become train and eval, those from there up to `end` test, and
    others are dropped.
    """

    first: int
    test: int
    end: int


class CutRules(NamedTuple):
    """How train is cut.

    Attributes:
      options: how much becomes eval.
      tail: how much becomes test.
      period: the days of train and test, in place of `tail`.
    """

    options: SessionOptions
    tail: TailOptions = TailOptions()
    period: Period | None = None

    @property
    def cuts_test(self) -> bool:
        """Whether the end of train becomes test."""
        return bool(self.tail) or self.period is not None


class Timeline(NamedTuple):
    """The cuts of train, None if eval is given, and the counts of `time_counts`."""

    cuts: Cuts | None
    counts: dict[str, int]


class Part(NamedTuple):
    """The sessions of a histogram from rank `begin` up to, and without, rank `end`."""

    starts: StartHistogram
    begin: int
    end: int

    def __len__(self) -> int:
        """Returns the number of sessions."""
        return self.end - self.begin

    @property
    def first(self) -> int:
        """Start time (ms) of the first session, of one at least."""
        return self.starts.at(self.begin)

    @property
    def last(self) -> int:
        """Start time (ms) of the last session, of one at least."""
        return self.starts.at(self.end - 1)

    def below(self, time: int) -> int:
        """Returns how many of the sessions start before a time (ms)."""
        return max(0, min(self.end, self.starts.below(time)) - self.begin)


def split_cuts(starts: StartHistogram, rules: CutRules) -> Cuts:
    """Returns the cuts of train: its end becomes test, the end of the rest becomes eval.

    Test are the sessions of the last `test_days` before the latest start, or else the last
    `test_fraction`; eval those of the last `eval_hours` of the rest, or else its last
    `eval_fraction`. A fraction is at least one session, with all that start in the same millisecond
    as the first.

    >>> starts = StartHistogram.of(range(10))
    >>> split_cuts(starts, CutRules(SessionOptions(eval_fraction=0.25), TailOptions(None, 0.2)))
    Cuts(eval=6, test=8)
    """
    options, tail, period = rules
    test = None
    if period is not None:
        test = period.test
    elif tail.test_days is not None:
        test = _period_begin(starts.at(len(starts) - 1), tail.test_days * MS_PER_DAY)
    elif tail.test_fraction is not None:
        test = starts.at(_share_begin(len(starts), tail.test_fraction))
    left = len(starts) if test is None else starts.below(test)
    if not left:
        return Cuts(0, test)
    if options.eval_hours is not None:
        return Cuts(_period_begin(starts.at(left - 1), options.eval_hours * MS_PER_HOUR), test)
    return Cuts(starts.at(_share_begin(left, options.eval_fraction)), test)


def _period_begin(last: int, length: float) -> int:
    return last - int(length) + 1


def _share_begin(sessions: int, fraction: float) -> int:
    """Returns the rank of the first session of the last share of some."""
    return sessions - _held_out(sessions, fraction)


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
    starts: Mapping[str, StartHistogram], inputs: Collection[str], rules: CutRules, now: int
) -> Timeline:
    """Cuts train unless eval is given, and counts start times.

    Args:
      starts: start times of the sessions of each input split that has any; the hours of
        `hours_to_look_into` can be looked into.
      inputs: names of all input splits.
      rules: how train is cut.
      now: current time, in ms.
    """
    counts = {f"{split}.distinct_starts": some.distinct for split, some in starts.items()}
    given = {split: Part(some, 0, len(some)) for split, some in starts.items()}
    if not _is_cut(starts, inputs):
        return Timeline(None, counts | time_counts(given, now))
    cuts = split_cuts(starts["train"], rules)
    parts = _parts(starts["train"], cuts)
    counts |= _surplus(parts, rules)
    return Timeline(cuts, counts | time_counts({**given, **parts}, now))


def _is_cut(starts: Collection[str], inputs: Collection[str]) -> bool:
    return "train" in starts and "eval" not in inputs


def _parts(starts: StartHistogram, cuts: Cuts) -> dict[str, Part]:
    """Divides train's start times as `output_split` does its sessions."""
    end = len(starts) if cuts.test is None else starts.below(cuts.test)
    middle = min(end, starts.below(cuts.eval))
    parts = {"train": Part(starts, 0, middle), "eval": Part(starts, middle, end)}
    return parts if cuts.test is None else {**parts, "test": Part(starts, end, len(starts))}


def _surplus(parts: Mapping[str, Part], rules: CutRules) -> dict[str, int]:
    """Counts sessions cut off beyond a fraction, which start together with the first in it."""
    left = sum(map(len, parts.values()))
    counts = {}
    if "test" in parts:
        if rules.tail.test_fraction is not None:
            wanted = _held_out(left, rules.tail.test_fraction)
            counts["test.sessions_beyond_fraction"] = len(parts["test"]) - wanted
        left -= len(parts["test"])
    if rules.options.eval_hours is None and left:
        wanted = _held_out(left, rules.options.eval_fraction)
        counts["eval.sessions_beyond_fraction"] = len(parts["eval"]) - wanted
    return counts


def time_counts(parts: Mapping[str, Part], now: int) -> dict[str, int]:
    """Returns counts of each output split's start times.

    `first_start` and `last_start` are times in ms; `sessions_in_future` start more than a day after
    `now` (ms); `sessions_before_end_of.{other}` start before the last session of an earlier split.

    Args:
      parts: start times of each output split.
      now: current time, in ms.
    """
    filled = {split: part for split, part in parts.items() if len(part)}
    counts = {}
    for split, part in filled.items():
        counts[f"{split}.first_start"] = part.first
        counts[f"{split}.last_start"] = part.last
        counts[f"{split}.sessions_before_1990"] = part.below(PLAUSIBLE_FROM)
        counts[f"{split}.sessions_in_future"] = len(part) - part.below(_future(now))
    for early, late in split_pairs(filled):
        counts[f"{late}.sessions_before_end_of.{early}"] = filled[late].below(filled[early].last)
    return counts


def _future(now: int) -> int:
    return now + MS_PER_DAY + 1


def hours_to_look_into(
    starts: Mapping[str, StartHistogram], inputs: Collection[str], rules: CutRules, now: int
) -> dict[str, set[int]]:
    """Returns the hours of each input split that `timeline` looks into, at most.

    These are the hours in which a split may begin or end, known from the numbers of sessions.

    Args:
      starts: start times of the sessions of each input split that has any; none of their hours
        need be one that can be looked into.
      inputs: names of all input splits.
      rules: how train is cut.
      now: current time, in ms.
    """
    sources = {split: split for split in starts}
    bounds = {split: _Bounds(*[some.at(len(some) - 1)] * 2) for split, some in starts.items()}
    if _is_cut(starts, inputs):
        found = _cut_bounds(starts["train"], rules)
        sources |= dict.fromkeys(found, "train")
        bounds |= found
    wanted = {
        split: {
            hour
            for time in (PLAUSIBLE_FROM, _future(now))
            for hour in some.hours_between(time, time)
        }
        for split, some in starts.items()
    }
    for name, source in sources.items():
        wanted[source].update(starts[source].hours_between(*bounds[name]))
    for early, late in split_pairs(sources):
        source = sources[late]
        wanted[source].update(starts[source].hours_between(*bounds[early]))
    return wanted


class _Bounds(NamedTuple):
    """Two times (ms) with the last start of a split, and the begin of the next, between them."""

    low: int
    high: int


def _cut_bounds(starts: StartHistogram, rules: CutRules) -> dict[str, _Bounds]:
    """Returns where each part of train may end."""
    options, tail, period = rules
    last = starts.at(len(starts) - 1)
    ends, left = _Bounds(last, last), (len(starts), len(starts))
    found = {}
    if rules.cuts_test:
        found["test"] = ends
        if tail.test_fraction is not None:
            low, high = starts.hour_bounds(_share_begin(len(starts), tail.test_fraction))
        elif period is not None:
            low = high = period.test
        else:
            low = high = _period_begin(last, (tail.test_days or 0) * MS_PER_DAY)
        ends, left = _before(starts, low, high), _counts_before(starts, low, high)
    found["eval"] = ends
    if options.eval_hours is not None:
        length = options.eval_hours * MS_PER_HOUR
        low, high = _period_begin(ends.low, length), _period_begin(ends.high, length)
    else:
        first, final = (_share_begin(max(1, count), options.eval_fraction) for count in left)
        low, high = starts.hour_bounds(first)[0], starts.hour_bounds(final)[1]
    found["train"] = _before(starts, low, high)
    return found


def _counts_before(starts: StartHistogram, low: int, high: int) -> tuple[int, int]:
    return starts.count_bounds(low)[0], starts.count_bounds(high)[1]


def _before(starts: StartHistogram, low: int, high: int) -> _Bounds:
    """Returns bounds of the last start before a cut between two times, and of the cut."""
    count = starts.count_bounds(low)[0]
    return _Bounds(starts.at(count - 1) if count else starts.at(0), max(high, starts.at(0)))
