"""Packed events and sessions."""

import tracemalloc
from collections import Counter

from modules.ingest import packing
from modules.sessions.sessions import Session


def test_packing_keeps_sessions_and_events():
    sessions = [
        Session(b"a", 5, [b"x", "é".encode(), b"z"], [5, 6, 2**50]),
        Session(b"b", 1, [b"y"], [9]),
    ]
    assert list(packing.unpack_sessions(packing.pack_sessions(sessions))) == sessions
    assert list(packing.unpack_sessions(packing.pack_sessions([]))) == []
    first = packing.pack_events(([b"a", b"b"], [b"x", b"y"], [5, 6], [0, 2**60]))
    second = packing.pack_events(([b"a"], [b"z"], [4], [9]))
    assert packing.group_events([first, second]) == {
        b"a": [(5, 0, b"x"), (4, 9, b"z")],
        b"b": [(6, 2**60, b"y")],
    }


def test_packing_keeps_weights():
    weighted = [
        Session(b"a", 5, [b"x", b"y"], [5, 6], [1.0, 0.1]),
        Session(b"b", 1, [b"y"], [9], [1000.0]),
    ]
    assert list(packing.unpack_sessions(packing.pack_sessions(weighted))) == weighted
    first = packing.pack_events(([b"a", b"b"], [b"x", b"y"], [5, 6], [0, 1]), [1.0, 3.0])
    second = packing.pack_events(([b"a"], [b"z"], [4], [9]), [0.1])
    assert packing.group_events([first, second]) == {
        b"a": [(5, 0, b"x", 1.0), (4, 9, b"z", 0.1)],
        b"b": [(6, 1, b"y", 3.0)],
    }


def test_visitors_beyond_the_limit_are_dropped_and_counted():
    first = packing.pack_events(
        ([b"a", b"b", b"b"], [b"x", b"y", b""], [5, 6, 7], [-(2**63), 1, 2])
    )
    second = packing.pack_events(([b"b", b"a", b"b"], [b"z", b"x", b"z"], [4, 9, 3], [1, 1, 1]))
    counts = Counter()
    assert packing.group_visitors([first, second], "test", 2, counts) == {
        b"a": [(5, b"x", -(2**63)), (9, b"x", 1)]
    }
    assert counts == {"test.large_visitors": 1, "test.rows_of_large_visitors": 4}
    assert len(packing.group_visitors([first, second], "test", 4, counts)[b"b"]) == 4
    assert counts["test.large_visitors"] == 1


def test_the_events_of_a_large_visitor_are_not_held():
    """However many there are: 200,000 would take 30 MB."""
    batch = packing.pack_events(([b"v"] * 2000, [b"item"] * 2000, range(2000), range(2000)))
    counts = Counter()
    tracemalloc.start()
    packing.group_visitors((batch for _ in range(100)), "train", 500, counts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts["train.rows_of_large_visitors"] == 200_000
    assert peak < 1_000_000
