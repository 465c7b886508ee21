"""Packs events and sessions into a few large byte strings, the elements of the Beam graph.

Thousands of events per element make the graph fast. Numbers are little-endian int64; ids are joined
by line feeds, which no id contains.
"""

from __future__ import annotations

import array
import collections
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from modules.sessions.sessions import Event, Session
from modules.sessions.visitor_sessions import VisitorEvent

Number = TypeVar("Number", int, float)
PackedEvents = tuple[bytes, ...]
PackedSessions = tuple[bytes, ...]
"""Of events that have weights, both have a further entry with them."""
EventLists = tuple[list[bytes], list[bytes], list[int], list[int]]
"""Parallel lists of session ids, item ids, times (ms) and positions in the input."""


def pack_ints(values: Iterable[int]) -> bytes:
    """Packs int64 values."""
    return _little_endian(array.array("q", values)).tobytes()


def unpack_ints(packed: bytes) -> array.array[int]:
    """Reverses `pack_ints`."""
    return _little_endian(array.array("q", packed))


def pack_floats(values: Iterable[float]) -> bytes:
    """Packs float64 values."""
    return _little_endian(array.array("d", values)).tobytes()


def unpack_floats(packed: bytes) -> array.array[float]:
    """Reverses `pack_floats`."""
    return _little_endian(array.array("d", packed))


def pack_events(events: EventLists, weights: Sequence[float] | None = None) -> PackedEvents:
    """Packs parallel lists of events; those of visitors have the type in place of the position."""
    session_ids, item_ids, times, places = events
    packed = b"\n".join(session_ids), b"\n".join(item_ids), pack_ints(times), pack_ints(places)
    return packed if weights is None else (*packed, pack_floats(weights))


def group_events(batches: Iterable[PackedEvents]) -> dict[bytes, list[Event]]:
    """Groups packed events by session id."""
    groups: dict[bytes, list[Event]] = collections.defaultdict(list)
    for session_ids, item_ids, times, places, *weights in batches:
        ids = item_ids.split(b"\n")
        parts = unpack_ints(times), unpack_ints(places), ids, *map(unpack_floats, weights)
        for session_id, event in zip(
            session_ids.split(b"\n"), zip(*parts, strict=True), strict=True
        ):
            groups[session_id].append(event)
    return groups


def group_visitors(
    batches: Iterable[PackedEvents], split: str, most: int, counts: Counter[str]
) -> dict[bytes, list[VisitorEvent]]:
    """Groups packed events by visitor, and drops visitors with more than `most`, counted.

    Holds no more than `most` events of a visitor, however many there are.
    """
    groups: dict[bytes, list[VisitorEvent]] = collections.defaultdict(list)
    dropped: Counter[bytes] = Counter()
    for visitors, item_ids, times, types, *_ in batches:
        ids = visitors.split(b"\n"), item_ids.split(b"\n")
        numbers = unpack_ints(times), unpack_ints(types)
        for visitor, item_id, time, type_ in zip(*ids, *numbers, strict=True):
            if visitor in dropped:
                dropped[visitor] += 1
                continue
            events = groups[visitor]
            events.append((time, item_id, type_))
            if len(events) > most:
                dropped[visitor] = len(events)
                del groups[visitor]
    if dropped:
        counts[f"{split}.large_visitors"] += len(dropped)
        counts[f"{split}.rows_of_large_visitors"] += dropped.total()
    return groups


def pack_sessions(sessions: Sequence[Session]) -> PackedSessions:
    """Packs sessions as (ids, start times, lengths, item ids, event times, weights if any)."""
    session_ids, starts, items, times, weights = (
        zip(*sessions, strict=True) if sessions else [()] * 5
    )
    weighted = [each for each in weights if each is not None]
    return (
        b"\n".join(session_ids),
        pack_ints(starts),
        pack_ints(map(len, items)),
        b"\n".join(itertools.chain.from_iterable(items)),
        pack_ints(itertools.chain.from_iterable(times)),
        *([pack_floats(itertools.chain.from_iterable(weighted))] if weighted else []),
    )


def unpack_sessions(packed: PackedSessions) -> Iterator[Session]:
    """Reverses `pack_sessions`."""
    ids, starts, lengths, items, times, *weights = packed
    if not ids:
        return
    item_ids, event_times = items.split(b"\n"), unpack_ints(times).tolist()
    of_events = [unpack_floats(each).tolist() for each in weights]
    begin = 0
    for session_id, start, length in zip(
        ids.split(b"\n"), unpack_ints(starts), unpack_ints(lengths), strict=True
    ):
        end = begin + length
        own = (each[begin:end] for each in of_events)
        yield Session(session_id, start, item_ids[begin:end], event_times[begin:end], *own)
        begin = end


def _little_endian(values: array.array[Number]) -> array.array[Number]:
    """Swaps numbers in place, between this machine's byte order and little-endian."""
    if sys.byteorder == "big":
        values.byteswap()
    return values
