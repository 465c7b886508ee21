"""Checks for leaks between the splits and for wrong times."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from components.data_gate.checks import DataCheck, is_within
from modules.config.options.data_gate import DataGateOptions
from modules.gate.check_record import FAILED, PASSED, WARNING
from modules.sessions.splits import SPLITS, split_pairs

Counts = Mapping[str, int]
"""Counts of SessionExampleGen; its README lists them."""

_DAY_MS = 86_400_000
_YEAR_MS = 365 * _DAY_MS


class _Finding(NamedTuple):
    """Result of a measurement.

    Attributes:
      option: field of `DataGateOptions` with the limit.
      split: split of the data.
      value: value found.
      notable: value above which there is a warning.
      sentence: the finding, with counts.
      hint: possible cause.
    """

    option: str
    split: str
    value: float
    notable: float
    sentence: str
    hint: str


def split_checks(counts: Counts, options: DataGateOptions) -> Iterator[DataCheck]:
    """Yields a check for each kind of leak and wrong time."""
    for finding in _findings(counts):
        limit = getattr(options, finding.option)
        failed = not is_within(finding.value, limit)
        notable = failed or finding.value > finding.notable
        yield DataCheck(
            split=finding.split,
            feature="sessions",
            name=finding.option,
            value=finding.value,
            limit=limit,
            verdict=FAILED if failed else WARNING if notable else PASSED,
            reason=finding.sentence + (f": {finding.hint}" if notable else ""),
        )


def _findings(counts: Counts) -> Iterator[_Finding]:
    inputs = [split for split in SPLITS if f"{split}.rows_read" in counts]
    outputs = [split for split in SPLITS if counts.get(f"{split}.sessions")]
    for early, late in split_pairs(inputs):
        yield from _shared(counts, early, late)
    for early, late in split_pairs(outputs):
        # An eval that was cut from train ends with train's files.
        if early != "train" or late == "eval" or "eval" in inputs:
            yield _overlap(counts, early, late, early if early in inputs else "train")
    for late in outputs[1:]:
        yield _gap(counts, outputs[: outputs.index(late)], late)
    for split in outputs:
        yield _implausible(counts, split)
        if f"{split}.rows_read" not in counts:
            yield _tied(counts, split)
        if f"{split}.sessions_with_pause" in counts:
            yield _paused(counts, split)


def _sessions_read(counts: Counts, split: str) -> int:
    """Returns the number of sessions in an input split, including those cut from it."""
    cut = [name for name in SPLITS if f"{name}.rows_read" not in counts]
    names = [split, *cut] if split == "train" else [split]
    return sum(counts.get(f"{name}.sessions", 0) for name in names)


def _portion(
    option: str, split: str, part: int, total: int, words: str, hint: str, notable: float = 0
) -> _Finding:
    """Returns the finding about a share of a split's sessions."""
    sentence = f"{_of(part, total)} {words}"
    return _Finding(option, split, _share(part, total), notable, sentence, hint)


def _shared(counts: Counts, early: str, late: str) -> Iterator[_Finding]:
    total, other = _sessions_read(counts, late), _sessions_read(counts, early)
    copied = counts.get(f"{late}.sessions_copied_from.{early}", 0)
    words = f"are in the files of split {early} too, with the same items and times"
    hint = (
        f"split {late} must be new to a model of split {early}: remove them from one of the files"
    )
    found = _portion("max_copied_sessions", late, copied, total, words, hint)
    # Of the smaller split: a file is a copy of another whichever of them has more sessions.
    yield found._replace(value=_share(copied, min(total, other)))
    shared = counts.get(f"{late}.sessions_also_in.{early}", 0)
    words = f"have an id that is in the files of split {early} too"
    hint = "sessions that were cut in two, or reused ids"
    yield _portion("max_shared_sessions", late, shared, total, words, hint)


def _overlap(counts: Counts, early: str, late: str, source: str) -> _Finding:
    before = counts.get(f"{late}.sessions_before_end_of.{early}", 0)
    end = _day(counts.get(f"{early}.last_start", 0))
    words = f"start before the last session in the files of split {source} does ({end})"
    hint = (
        "a model serves sessions that are later than its training sessions, so split "
        f"{late} should be later too"
    )
    total = counts[f"{late}.sessions"]
    return _portion("max_time_overlap", late, before, total, words, hint, notable=0.01)


def _gap(counts: Counts, before: list[str], late: str) -> _Finding:
    """Returns the finding about the time between the earlier splits and this one."""
    first = counts.get(f"{before[0]}.first_start", 0)
    last = max(counts.get(f"{split}.last_start", 0) for split in before)
    start = counts.get(f"{late}.first_start", 0)
    # At most a year: even after ten years of data, one session in 2100 is far away.
    span, gap = min(max(last - first, _DAY_MS), _YEAR_MS), max(start - last, 0)
    return _Finding(
        "max_time_gap",
        late,
        gap / span,
        1,
        f"the first of {_of(counts[f'{late}.sessions'])} starts on {_day(start)}, "
        f"{_days(gap)} after the last of split {' and '.join(before)}, which spans "
        f"{_days(last - first)} from {_day(first)} to {_day(last)}",
        "rows with a wrong clock, or splits that do not belong together",
    )


def _implausible(counts: Counts, split: str) -> _Finding:
    total = counts[f"{split}.sessions"]
    old = counts.get(f"{split}.sessions_before_1990", 0)
    future = counts.get(f"{split}.sessions_in_future", 0)
    first, last = (_day(counts.get(f"{split}.{end}_start", 0)) for end in ("first", "last"))
    words = f"start before 1990 and {future:,} later than tomorrow, of all from {first} to {last}"
    hint = "rows with a wrong clock, or another unit of time (sessions.time_unit)"
    found = _portion("max_implausible_times", split, old, total, words, hint)
    return found._replace(value=_share(old + future, total))


def _tied(counts: Counts, split: str) -> _Finding:
    total = counts[f"{split}.sessions"]
    tied = counts.get(f"{split}.sessions_beyond_fraction", 0)
    words = "are in this split only because they start in the same millisecond as its first one"
    hint = f"do the times have dates only? Give {split.upper()}=path (data.{split}) as a file"
    return _portion("max_tied_sessions", split, tied, total, words, hint, notable=0.1)


def _paused(counts: Counts, split: str) -> _Finding:
    total = counts[f"{split}.sessions"]
    paused = counts[f"{split}.sessions_with_pause"]
    words = "have a pause of more than an hour between two events"
    hint = (
        "are these visitors rather than sessions? Then set sessions.visitor_column to the column, "
        "so that sessions are cut from their events"
    )
    # Of true sessions, 0.7 % have one in RetailRocket and 0.1 % in Yoochoose; of RetailRocket's
    # visitors taken as sessions, 83 %.
    return _portion("max_paused_sessions", split, paused, total, words, hint, notable=0.1)


def _share(part: int, total: int) -> float:
    return part / total if total else 0.0


def _of(part: int, total: int | None = None) -> str:
    """Formats a number of sessions.

    >>> _of(5, 2000), _of(1), _of(1, 3000000)
    ('5 of 2,000 sessions (0.25%)', '1 session', '1 of 3,000,000 sessions (below 0.01%)')
    """
    if total is None:
        return f"{part:,} session{'' if part == 1 else 's'}"
    share = f"{_share(part, total):.2%}"
    return f"{part:,} of {_of(total)} ({'below 0.01%' if part and share == '0.00%' else share})"


def _day(time_ms: int) -> str:
    """Returns the day of a time.

    >>> _day(1442004589439)
    '2015-09-11'
    """
    days = datetime.timedelta(days=time_ms // _DAY_MS)
    return (datetime.date(1970, 1, 1) + days).isoformat()


def _days(time_ms: int) -> str:
    return f"{time_ms / _DAY_MS:,.1f} days"
