"""Items get numbers as they come."""

from __future__ import annotations

import doctest

import numpy as np

from modules.data import item_positions
from modules.data.item_positions import ItemPositions


def _ids(*ids: bytes) -> np.ndarray:
    return np.array(ids, object)


def test_docstrings_tell_the_truth() -> None:
    assert doctest.testmod(item_positions).failed == 0


def test_new_items_get_the_next_positions_batch_after_batch() -> None:
    positions = ItemPositions()

    first = positions.add(_ids(b"b", b"\xff", b"b"))
    second = positions.add(_ids(b"", b"\xff", b"a\0"))

    assert (first.tolist(), second.tolist()) == ([0, 1, 0], [2, 1, 3])
    assert [*positions] == [b"b", b"\xff", b"", b"a\0"] and len(positions) == 4
    assert b"a\0" in positions and b"a" not in positions


def test_lookup_keeps_the_shape_and_adds_nothing() -> None:
    positions = ItemPositions()
    positions.add(_ids(b"a", b"b"))

    found = positions.lookup(_ids(b"b", b"x", b"a", b"b").reshape(2, 2))

    assert found.tolist() == [[1, -1], [0, 1]] and found.dtype == np.int64
    assert len(positions) == 2


def test_no_id() -> None:
    positions = ItemPositions()

    assert positions.add(_ids()).tolist() == [] and len(positions) == 0
    assert positions.lookup(np.zeros((0, 3), object)).shape == (0, 3)
