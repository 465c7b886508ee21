"""Cuts each visitor's events into sessions, where a log has none; neither TensorFlow nor Beam here.

Nothing here depends on the order of rows or on the files they are in.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from modules.config.options.sessions import SessionOptions
from modules.sessions.event_times import MS_PER_DAY, PLAUSIBLE_FROM
from modules.sessions.sessions import Event, Session, build_sessions
from modules.sessions.time_splits import Period

VisitorEvent = tuple[int, bytes, int]
"""Time in ms, item id, and `type_code` of the event type; equal times are ordered by the others."""

_MS_PER_MINUTE = 60_000


@functools.lru_cache(maxsize=4096)
def type_code(event_type: bytes) -> int:
    """Returns a number for an event type, the same on every worker."""
    digest = hashlib.blake2b(event_type, digest_size=8, person=b"event type").digest()
    return int.from_bytes(digest, "big", signed=True)


def build_visitor_sessions(
    visitors: Mapping[bytes, Sequence[VisitorEvent]],
    split: str,
    options: SessionOptions,
    now: int,
    counts: Counter[str],
    period: Period | None = None,
    forgotten: Collection[bytes] = frozenset(),
) -> Iterator[Session]:
    """Cleans the events of an input split's visitors and builds sessions, counting what is dropped.

    A session's id and start are those of all its events, before those of other types are dropped:
    they stay the same whichever types a model learns from.

    Args:
      visitors: events of each visitor.
      split: the input split.
      options: how events are cleaned and cut.
      now: time at which the run began, in ms.
      counts: gets the counts of dropped rows by reason.
      period: days whose sessions are kept; None for all.
      forgotten: ids of sessions to leave out.
    """
    types = options.kept_types()
    kept = None if types is None else {*map(type_code, types)}
    by_type = options.weight_by_type()
    weights = None if by_type is None else {type_code(t): w for t, w in by_type.items()}
    gap = round(options.gap_minutes * _MS_PER_MINUTE)
    for visitor, events in visitors.items():
        starts: dict[bytes, int] = {}
        groups: dict[bytes, list[Event]] = {}
        for session in cut_sessions(_clean(events, split, options, now, counts), gap):
            start = session[0][0]
            if period is not None and not period.first <= start < period.end:
                _count(counts, f"{split}.rows_of_other_days", len(session))
                continue
            session_id = b"%s@%d" % (visitor, start)
            if session_id in forgotten:
                counts[f"{split}.rows_forgotten"] += len(session)
                continue
            group = _of_types(session, kept, weights)
            _count(counts, f"{split}.rows_of_other_types", len(session) - len(group))
            if group:
                groups[session_id], starts[session_id] = group, start
        for built in build_sessions(groups, split, options, counts):
            yield built._replace(start_time=starts[built.session_id])


def cut_sessions(ordered: Sequence[VisitorEvent], gap: int) -> Iterator[Sequence[VisitorEvent]]:
    """Yields the sessions of a visitor's events in time order, cut at pauses above `gap` (ms).

    >>> list(cut_sessions([(0, b"a", 0), (5, b"b", 0), (11, b"c", 0)], gap=5))
    [[(0, b'a', 0), (5, b'b', 0)], [(11, b'c', 0)]]
    """
    begin = 0
    for at, (before, after) in enumerate(itertools.pairwise(ordered), 1):
        if after[0] - before[0] > gap:
            yield ordered[begin:at]
            begin = at
    if ordered:
        yield ordered[begin:]


def _of_types(
    session: Sequence[VisitorEvent],
    kept: Collection[int] | None,
    weights: Mapping[int, float] | None,
) -> list[Event]:
    """Returns the events of the kept types, with their position in the session."""
    chosen = (
        (place, event) for place, event in enumerate(session) if kept is None or event[2] in kept
    )
    if weights is None:
        return [(time, place, item) for place, (time, item, _) in chosen]
    return [(time, place, item, weights.get(code, 1.0)) for place, (time, item, code) in chosen]


def _clean(
    events: Sequence[VisitorEvent],
    split: str,
    options: SessionOptions,
    now: int,
    counts: Counter[str],
) -> Sequence[VisitorEvent]:
    """Returns a visitor's events in order, without doubled ones and outliers; none of a bot.

    A bot by both limits counts as one by the day's.
    """
    ordered = sorted(set(events) if options.drop_doubled_rows else events)
    _count(counts, f"{split}.rows_doubled", len(events) - len(ordered))
    if options.drop_clock_outliers:
        plausible = [each for each in ordered if PLAUSIBLE_FROM <= each[0] <= now + MS_PER_DAY]
        _count(counts, f"{split}.rows_of_clock_outliers", len(ordered) - len(plausible))
        ordered = plausible
    times = [event[0] for event in ordered]
    for bots, is_bot, most in (
        ("bots", _exceeds_on_a_day, options.max_events_per_day),
        ("bots_by_minute", _exceeds_in_a_minute, options.max_events_per_minute),
    ):
        if most is not None and len(times) > most and is_bot(times, most):
            counts[f"{split}.{bots}"] += 1
            counts[f"{split}.rows_of_{bots}"] += len(times)
            return []
    return ordered


def _exceeds_on_a_day(times: Sequence[int], most: int) -> bool:
    return max(Counter(time // MS_PER_DAY for time in times).values()) > most


def _exceeds_in_a_minute(times: Sequence[int], most: int) -> bool:
    """Returns whether more than `most` of some times, in order, lie less than a minute apart.

    >>> _exceeds_in_a_minute([0, 5, 59_999], 2), _exceeds_in_a_minute([0, 5, 60_000], 2)
    (True, False)
    """
    pairs = zip(times, times[most:], strict=False)
    return any(late - early < _MS_PER_MINUTE for early, late in pairs)


def _count(counts: Counter[str], name: str, number: int) -> None:
    if number:
        counts[name] += number
