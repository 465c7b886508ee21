"""Sessions of several files and splits, in the order of their ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.baseline_evaluator import session_arrays
from components.baseline_evaluator.session_arrays import read_sorted
from modules.data.item_positions import ItemPositions
from modules.sessions.examples import ExampleEncoder

# Session id, start, and items, by split and file.
SESSIONS = {
    ("train", 0): [(b"b", 5, [b"x", b"y"]), (b"\xff", 1, [b"x"])],
    ("train", 1): [(b"a", 9, [b"z", b"x", b"z"]), (b"c", 7, [b"y"])],
    ("eval", 0): [(b"b", 3, [b"w", b"w"])],
}


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """One folder per split."""
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    for (split, number), sessions in SESSIONS.items():
        (tmp_path / split).mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(tmp_path / split / f"{number}.gz"), options) as writer:
            for session_id, start, items in sessions:
                times = [*range(start, start + len(items))]
                writer.write(ExampleEncoder().encode(session_id, start, items, times))
    return [str(tmp_path / "train"), str(tmp_path / "eval")]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_sessions_come_sorted_by_id_and_start(
    folders: list[str], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_arrays, "_SESSIONS_PER_BATCH", batch)
    positions = ItemPositions()

    session_ids, sessions = read_sorted(folders, positions.add)

    expected = sorted(session for some in SESSIONS.values() for session in some)
    ids, places = [*positions], sessions.offsets
    found = [
        (session_id, start, [ids[item] for item in sessions.items[first:end]])
        for session_id, start, first, end in zip(
            session_ids.to_pylist(), sessions.start_times, places[:-1], places[1:], strict=True
        )
    ]
    assert found == expected
    assert sessions.items.dtype == np.int32


def test_a_split_without_a_session(tmp_path: Path) -> None:
    session_ids, sessions = read_sorted([str(tmp_path)], ItemPositions().lookup)

    assert len(session_ids) == 0 and sessions.offsets.tolist() == [0]
    assert len(sessions.items) == len(sessions.start_times) == 0
