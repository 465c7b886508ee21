"""Packed events and sessions."""

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
