"""Packs events and sessions into a few large byte strings, the elements of the Beam graph.

Thousands of events per element make the graph fast. Numbers are little-endian int64; ids are joined
by line feeds, which no id contains.
"""

from __future__ import annotations

import array
import collections
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence

from modules.sessions.sessions import Event, Session

PackedEvents = tuple[bytes, bytes, bytes, bytes]
PackedSessions = tuple[bytes, bytes, bytes, bytes, bytes]
EventLists = tuple[list[bytes], list[bytes], list[int], list[int]]
"""Parallel lists of session ids, item ids, times (ms) and positions in the input."""


def pack_ints(values: Iterable[int]) -> bytes:
    """Packs int64 values."""
    packed = array.array("q", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_ints(packed: bytes) -> array.array[int]:
    """Reverses `pack_ints`."""
    values = array.array("q", packed)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def pack_events(events: EventLists) -> PackedEvents:
    """Packs parallel lists of events."""
    session_ids, item_ids, times, places = events
    return b"\n".join(session_ids), b"\n".join(item_ids), pack_ints(times), pack_ints(places)


def group_events(batches: Iterable[PackedEvents]) -> dict[bytes, list[Event]]:
    """Groups packed events by session id."""
    groups: dict[bytes, list[Event]] = collections.defaultdict(list)
    for session_ids, item_ids, times, places in batches:
        ids = session_ids.split(b"\n"), item_ids.split(b"\n")
        numbers = unpack_ints(times), unpack_ints(places)
        for session_id, item_id, time, place in zip(*ids, *numbers, strict=True):
            groups[session_id].append((time, place, item_id))
    return groups


def pack_sessions(sessions: Sequence[Session]) -> PackedSessions:
    """Packs sessions as (ids, start times, lengths, item ids, event times)."""
    session_ids, starts, items, times = zip(*sessions, strict=True) if sessions else [()] * 4
    return (
        b"\n".join(session_ids),
        pack_ints(starts),
        pack_ints(map(len, items)),
        b"\n".join(itertools.chain.from_iterable(items)),
        pack_ints(itertools.chain.from_iterable(times)),
    )


def unpack_sessions(packed: PackedSessions) -> Iterator[Session]:
    """Reverses `pack_sessions`."""
    ids, starts, lengths, items, times = packed
    if not ids:
        return
    item_ids, event_times = items.split(b"\n"), unpack_ints(times).tolist()
    begin = 0
    for session_id, start, length in zip(
        ids.split(b"\n"), unpack_ints(starts), unpack_ints(lengths), strict=True
    ):
        end = begin + length
        yield Session(session_id, start, item_ids[begin:end], event_times[begin:end])
        begin = end
