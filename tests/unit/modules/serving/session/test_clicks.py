"""The latest clicks of sessions, in rows and before each step."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.serving.session.clicks import Clicks, clicks_before, item_codes, latest_clicks

# Positions of the known items.
KNOWN = {"a": 0, "b": 1, "c": 2}
SESSIONS = [
    ["a", "x", "b", "x", "y"],
    ["", "y", "", "a", ""],
    [],
    ["x", "x", "x", "a", "a", "a", "b"],
    ["y", "x", "y", "x", "y"],
]


def _batch(sessions: list[list[str]]) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    ids = tf.ragged.constant(sessions, tf.string, ragged_rank=1)
    places = [[KNOWN.get(item, -1) for item in session] for session in sessions]
    return ids, tf.ragged.constant(places, tf.int64, ragged_rank=1)


def _expected(clicks: list[str], most: int) -> list[tuple[str, int, bool, int]]:
    """Id, position, whether it is the latest of an unknown item, and age of each click."""
    latest = [item for item in clicks if item][-most:]
    return [
        (
            item,
            KNOWN.get(item, -1),
            item not in KNOWN and item not in latest[place + 1 :],
            len(latest) - 1 - place,
        )
        for place, item in enumerate(latest)
    ]


def _found(clicks: Clicks) -> list[list[tuple[int, bool, int]]]:
    columns = (clicks.positions, clicks.is_new, clicks.age, clicks.codes)
    rows = zip(*(column.numpy().tolist() for column in columns), strict=True)
    return [
        [(place, new, age) for place, new, age, code in zip(*row, strict=True) if code >= 0]
        for row in rows
    ]


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_the_latest_clicks_of_sessions(most: int) -> None:
    ids, positions = _batch(SESSIONS)
    clicks, new_ids = latest_clicks(ids.to_tensor(""), positions.to_tensor(-1), most)
    expected = [_expected(session, most) for session in SESSIONS]
    assert _found(clicks) == [[click[1:] for click in row] for row in expected]
    for row, found in zip(expected, new_ids.numpy().tolist(), strict=True):
        of_new = [item.encode() if is_new else b"" for item, _, is_new, _ in row]
        assert found == of_new + [b""] * (len(found) - len(row))


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_the_latest_clicks_before_each_step(most: int) -> None:
    ids, positions = _batch(SESSIONS)
    clicks = clicks_before(ids, positions, most)
    prefixes = [session[:end] for session in SESSIONS for end in range(1, len(session))]
    assert _found(clicks) == [[click[1:] for click in _expected(p, most)] for p in prefixes]
    assert clicks.codes.shape[1] <= most
    rows = tf.constant([3, 0], tf.int64)
    np.testing.assert_array_equal(clicks.take(rows).codes, tf.gather(clicks.codes, rows))


def test_equal_ids_have_equal_codes() -> None:
    ids, _ = _batch(SESSIONS)
    codes = item_codes(ids)
    pairs = set(zip(ids.flat_values.numpy(), codes.flat_values.numpy(), strict=True))
    assert len(pairs) == len({item for item, _ in pairs}) == len({code for _, code in pairs})
    assert codes.row_lengths().numpy().tolist() == [5, 5, 0, 7, 5]


@pytest.mark.parametrize("sessions", [[], [[]], [[""], ["", ""]], [["a"]]])
def test_batches_without_clicks_or_steps(sessions: list[list[str]]) -> None:
    ids, positions = _batch(sessions)
    clicks, new_ids = latest_clicks(ids.to_tensor(""), positions.to_tensor(-1), 3)
    assert len(new_ids) == len(clicks.codes) == len(sessions)
    assert not clicks.is_new.numpy().any() and (new_ids.numpy() == b"").all()
    before = clicks_before(ids, positions, 3)
    assert len(before.codes) == sum(max(len(session) - 1, 0) for session in sessions)
    assert not before.is_new.numpy().any()
