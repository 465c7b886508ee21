"""Events and sessions as few large byte strings: what travels between Beam's stages.

One element for thousands of events instead of one each is what makes the graph fast. Numbers are
little-endian int64; ids are joined by line ends, which no id can contain.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Iterator

from modules.sessions.sessions import Event, Session

PackedEvents = tuple[bytes, bytes, bytes, bytes]
PackedSessions = tuple[bytes, bytes, bytes, bytes, bytes]


EventLists = tuple[list[bytes], list[bytes], list[int], list[int]]
"""Session ids, item ids, times (ms), places in the input: parallel."""


def pack_ints(values: Iterable[int]) -> bytes:
    """Packs int64 values."""
    packed = array.array("q", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_ints(packed: bytes) -> array.array[int]:
    """Unpacks what `pack_ints` packed."""
    values = array.array("q", packed)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def pack_events(events: EventLists) -> PackedEvents:
    """Packs parallel lists of events."""
    session_ids, item_ids, times, places = events
    return b"\n".join(session_ids), b"\n".join(item_ids), pack_ints(times), pack_ints(places)


def group_events(batches: Iterable[PackedEvents]) -> dict[bytes, list[Event]]:
    """Groups packed events (session ids, item ids, times, places) by session id."""
    groups: dict[bytes, list[Event]] = {}
    for session_ids, item_ids, times, places in batches:
        rows = zip(
            session_ids.split(b"\n"),
            unpack_ints(times),
            unpack_ints(places),
            item_ids.split(b"\n"),
            strict=True,
        )
        for session_id, time, place, item_id in rows:
            if session_id in groups:
                groups[session_id].append((time, place, item_id))
            else:
                groups[session_id] = [(time, place, item_id)]
    return groups


def pack_sessions(sessions: Iterable[Session]) -> PackedSessions:
    """Packs sessions as (ids, start times, lengths, item ids, event times)."""
    session_ids: list[bytes] = []
    starts: list[int] = []
    lengths: list[int] = []
    item_ids: list[bytes] = []
    times: list[int] = []
    for session in sessions:
        session_ids.append(session.session_id)
        starts.append(session.start_time)
        lengths.append(len(session.item_ids))
        item_ids.extend(session.item_ids)
        times.extend(session.event_times)
    return (
        b"\n".join(session_ids),
        pack_ints(starts),
        pack_ints(lengths),
        b"\n".join(item_ids),
        pack_ints(times),
    )


def unpack_sessions(packed: PackedSessions) -> Iterator[Session]:
    """Unpacks what `pack_sessions` packed."""
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
