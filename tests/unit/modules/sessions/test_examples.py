"""Sessions written as tf.Examples and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError

from modules.sessions import feature_names
from modules.sessions.examples import (
    ExampleEncoder,
    decode,
    parse_sessions,
    read_batches,
    read_sessions,
)
from modules.sessions.sessions import Session

SESSIONS = [
    Session(b"a", 5, [b"x", "é".encode(), b"\xff"], [5, 6, 2**50]),
    Session(b"b", 1, [b"y"], [9]),
    Session(b"c", 7, [], []),
    Session(b"d", 2, [b"y", b"y"], [2, 2]),
]


def _write(folder: Path, *parts: list[bytes]) -> str:
    folder.mkdir()
    for number, records in enumerate(parts):
        with tf.io.TFRecordWriter(str(folder / f"data-{number}.gz"), "GZIP") as writer:
            for record in records:
                writer.write(record)
    return str(folder)


def test_equal_sessions_give_equal_bytes() -> None:
    encoder = ExampleEncoder()
    longer = Session(b"t", 1, [b"c"] * 9, list(range(9)))
    first = encoder.encode(*SESSIONS[0])
    assert encoder.encode(*longer) != first
    assert encoder.encode(*SESSIONS[0]) == first == ExampleEncoder().encode(*SESSIONS[0])


def test_an_example_has_the_named_features() -> None:
    found = decode(ExampleEncoder().encode(*SESSIONS[0]))
    assert set(found) == {
        feature_names.SESSION_ID,
        feature_names.ITEM_IDS,
        feature_names.EVENT_TIMES,
        feature_names.START_TIME,
    }
    assert list(found[feature_names.ITEM_IDS].bytes_list.value) == SESSIONS[0].item_ids
    with pytest.raises(DecodeError):
        decode(b"\xff")


def test_weights_are_there_if_events_have_them_and_else_leave_no_trace() -> None:
    encoder, weights = ExampleEncoder(), [1.0, 3.0, 0.5]
    plain = encoder.encode(*SESSIONS[0])
    weighted = encoder.encode(*SESSIONS[0][:4], weights)
    found = decode(weighted)
    assert list(found[feature_names.EVENT_WEIGHTS].float_list.value) == weights
    assert feature_names.EVENT_WEIGHTS not in decode(plain)
    assert encoder.encode(*SESSIONS[1][:4], [2.0]) != weighted
    assert encoder.encode(*SESSIONS[0]) == plain
    assert encoder.encode(*SESSIONS[0][:4], weights) == weighted


def test_graphs_read_the_items() -> None:
    examples = [ExampleEncoder().encode(*session) for session in SESSIONS]
    parsed = parse_sessions(tf.constant([*examples, tf.train.Example().SerializeToString()]))
    assert parsed.to_list() == [*(session.item_ids for session in SESSIONS), []]


@pytest.mark.parametrize("batch_size", (1, 3, 100))
def test_files_are_read_in_order_and_in_batches(tmp_path: Path, batch_size: int) -> None:
    examples = [ExampleEncoder().encode(*session) for session in SESSIONS]
    folder = _write(tmp_path / "split", examples[:2], [], examples[2:])
    batches = list(read_batches(folder, batch_size))

    assert [len(batch.session_ids) for batch in batches] == [
        len(SESSIONS[at : at + batch_size]) for at in range(0, len(SESSIONS), batch_size)
    ]
    found = []
    for batch in batches:
        times = np.split(batch.times, batch.offsets[1:-1])
        rows = zip(batch.session_ids, batch.start_times, batch.item_lists(), times, strict=True)
        found += [Session(i, int(start), items, t.tolist()) for i, start, items, t in rows]
    assert found == SESSIONS
    assert [record for batch in batches for record in batch.serialized] == examples


def test_an_empty_split_has_no_batch(tmp_path: Path) -> None:
    assert not list(read_batches(_write(tmp_path / "none")))
    assert not list(read_sessions(_write(tmp_path / "empty", [])))


def test_a_session_needs_one_time_per_item(tmp_path: Path) -> None:
    folder = _write(tmp_path / "split", [ExampleEncoder().encode(b"s", 1, [b"x", b"y"], [1])])
    with pytest.raises(ValueError, match="must have one of event_times per item"):
        list(read_batches(folder))


def test_items_are_read_as_text(tmp_path: Path) -> None:
    folder = _write(tmp_path / "split", [ExampleEncoder().encode(*SESSIONS[0])])
    assert list(read_sessions(folder)) == [["x", "é", "\udcff"]]
    assert list(read_sessions(folder, errors="replace")) == [["x", "é", "\ufffd"]]
