"""Facts of a split: counts, lengths, sessions to show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from components.report.session_facts import EXAMPLES, first_sessions, split_facts
from modules.sessions.examples import SessionBatch


def _sessions(*sessions: Sequence[bytes], first: int = 0) -> SessionBatch:
    names = np.array([b"s%d" % (first + place) for place in range(len(sessions))], object)
    items = np.array([item for session in sessions for item in session], object)
    offsets = np.cumsum([0, *map(len, sessions)])
    times = np.zeros(len(items), np.int64)
    return SessionBatch(names, names, times[: len(names)], items, times, offsets)


def test_facts_of_a_split_by_hand() -> None:
    batches = [
        _sessions([b"a", b"b"], [b"a", b"x", b"a"]),
        _sessions([b"c", b"y", b"y", b"b"], first=2),
    ]
    facts = split_facts(batches, known={b"a", b"b", b"c"}, catalogue={b"a", b"b"})

    assert (facts.sessions, facts.events, facts.items) == (3, 9, 5)
    assert facts.lengths.tolist() == [0, 0, 1, 1, 1]
    assert (facts.unknown_events, facts.unknown_items) == (3, 2)  # x, y, y
    assert facts.uncatalogued_events == 4  # c as well
    # Two events are too few to show.
    assert {(e.session_id, *e.prefix, e.target) for e in facts.examples} == {
        (b"s1", b"a", b"x", b"a"),
        (b"s2", b"c", b"y", b"y", b"b"),
    }


def test_an_empty_split_has_facts() -> None:
    facts = split_facts([], set(), set())
    assert (facts.sessions, facts.events, facts.lengths.tolist()) == (0, 0, [0])


def test_example_sessions_depend_on_ids_alone() -> None:
    sessions = [[b"a", b"b", b"c"]] * 100
    whole = _sessions(*sessions)
    parts = [_sessions(*sessions[:30]), _sessions(*sessions[30:], first=30)]
    chosen = [split_facts(batches, set(), set()).examples for batches in ([whole], parts)]
    assert chosen[0] == chosen[1]
    assert len({example.session_id for example in chosen[0]}) == EXAMPLES


def test_reading_stops_once_there_are_enough_sessions() -> None:
    batch = _sessions([b"a"], [b"b"])
    assert len(list(first_sessions([batch] * 9, most=3))) == 2
