"""Rare items and short sessions, dropped in turns on Beam."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that

from modules.config.options.sessions import SessionOptions
from modules.ingest import packing
from modules.ingest.counts import merge_reports
from modules.ingest.item_support import UNSTABLE, DropRareItems
from modules.ingest.report import Report
from modules.sessions.sessions import Session


def _session(name: int, items: list[bytes]) -> Session:
    return Session(b"s%d" % name, 7, items, [*range(len(items))])


def _drop(
    folder: Path, sessions: list[Session], known: bytes = b"", turns: int = 8, **options: Any
) -> tuple[list[Session], Report, bytes]:
    """Returns what is left of train, the report and the rare items."""
    names = ("sessions", "report", "rare")

    def keep(name: str) -> Any:
        return lambda elements: (folder / name).write_bytes(pickle.dumps(list(elements)))

    elements = [
        (("train", number), packing.pack_sessions(sessions[number::3])) for number in range(3)
    ]
    other = (("test", 0), packing.pack_sessions([_session(99, [b"rare"])]))
    with TestPipeline() as pipeline:
        result = (
            pipeline
            | beam.Create([*elements, other])
            | DropRareItems(SessionOptions(**options), known, turns)
        )
        for name in names:
            assert_that(getattr(result, name), keep(name), name)
    found = {name: pickle.loads((folder / name).read_bytes()) for name in names}
    assert other in found["sessions"]
    packed = [packed for key, packed in found["sessions"] if key != other[0]]
    left = [session for some in packed for session in packing.unpack_sessions(some)]
    (rare,) = found["rare"]
    return sorted(left), merge_reports(found["report"]), rare


def _in_turns(sessions: list[Session], support: int, length: int) -> list[Session]:
    """Drops items and sessions in turns, as slowly and obviously as can be."""
    while True:
        counts = Counter(item for session in sessions for item in session.item_ids)
        left = []
        for name, start, items, times, *_ in sessions:
            kept = [at for at, item in enumerate(items) if counts[item] >= support]
            if len(kept) >= length:
                left.append(
                    Session(name, start, [items[at] for at in kept], [times[at] for at in kept])
                )
        if left == sessions:
            return sorted(left)
        sessions = left


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_is_that_of_turns_one_by_one(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    sessions = [
        _session(name, [b"i%d" % min(draw.randrange(90), draw.randrange(90)) for _ in range(size)])
        for name, size in enumerate(draw.choices(range(2, 7), k=60))
    ]
    support, length = draw.choice([3, 5]), draw.choice([2, 3])
    sessions = [session for session in sessions if len(session.item_ids) >= length]
    options = {"min_item_support": support, "min_session_length": length}
    left, report, rare = _drop(tmp_path, sessions, turns=12, **options)
    assert left == _in_turns(sessions, support, length)
    kept = {item for session in left for item in session.item_ids}
    before = {item for session in sessions for item in session.item_ids}
    found = set(rare.split(b"\n"))
    assert found <= before - kept  # others had no event left but those of dropped sessions
    counts = report.counts
    rows, rows_left = (sum(len(s.item_ids) for s in some) for some in (sessions, left))
    lost = counts["train.rows_too_short"] + counts["train.rows_of_rare_items"]
    assert rows == rows_left + lost
    assert counts["train.sessions_too_short"] == len(sessions) - len(left)
    assert counts["train.rare_items"] == len(found) and UNSTABLE not in counts


def _chain(length: int) -> list[Session]:
    """Returns sessions of two items of which each turn drops one more: a chain, cut at its end."""
    return [_session(at, [b"i%02d" % at, b"i%02d" % (at + 1)]) for at in range(length)]


def test_turns_beyond_those_of_one_run_go_on_from_what_it_found(tmp_path: Path) -> None:
    options = {"min_item_support": 2, "min_session_length": 2}
    sessions = _chain(8)
    assert _in_turns(sessions, 2, 2) == []
    runs, known = 0, b""
    while True:
        left, report, known = _drop(tmp_path, sessions, known, turns=2, **options)
        runs += 1
        if not report.counts.get(UNSTABLE):
            break
    assert (left, runs) == ([], 3)
    assert report.counts["train.rare_items"] == len(set(known.split(b"\n"))) == 8
    assert report.counts["train.sessions_too_short"] == 8


def test_events_keep_their_weights(tmp_path: Path) -> None:
    sessions = [
        Session(b"s%d" % at, 7, [b"a", b"rare%d" % at, b"b"], [1, 2, 3], [1.0, 2.0, 3.0])
        for at in range(3)
    ]
    left, _, _ = _drop(tmp_path, sessions, turns=2, min_item_support=2)
    assert [session.item_ids for session in left] == [[b"a", b"b"]] * 3
    assert [session.weights for session in left] == [[1.0, 3.0]] * 3


def test_nothing_rare_leaves_all_as_it_is(tmp_path: Path) -> None:
    sessions = [_session(at, [b"a", b"b"]) for at in range(5)]
    left, report, rare = _drop(tmp_path, sessions, min_item_support=5)
    assert (left, rare, report.counts) == (sessions, b"", {"train.rare_items": 0})
