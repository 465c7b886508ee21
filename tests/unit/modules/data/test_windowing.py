"""Windows of sessions: every step once, and the reference notebook's view."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from modules.data import windowing

LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 25)


def _ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def _sessions(lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    """Sessions in which no item comes twice."""
    ends = np.cumsum(lengths)
    return [list(range(2 + end - n, 2 + end)) for n, end in zip(lengths, ends, strict=True)]


def _padded(sessions: list[list[int]], width: int) -> list[list[int]]:
    return tf.keras.preprocessing.sequence.pad_sequences(
        sessions, maxlen=width, padding="post", truncating="pre"
    ).tolist()


def _windows(rows: tf.RaggedTensor, max_context: int) -> np.ndarray:
    """Returns all windows, `[windows, max_context + 1]`, and checks that rows hold whole ones."""
    assert all(length % (max_context + 1) == 0 for length in rows.row_lengths().numpy())
    return rows.flat_values.numpy().reshape(-1, max_context + 1)


def test_windows_by_hand() -> None:
    windows = windowing.step_windows(_ragged([2, 3, 4, 5, 6, 7], [8, 9], [5], []), 3)
    assert windows.to_list() == [[2, 3, 4, 5, 5, 6, 7, 0], [8, 9, 0, 0], [], []]


@pytest.mark.parametrize("max_context", [1, 2, 3, 10, 30])
def test_windows_cover_every_step_once(max_context: int) -> None:
    rows = windowing.step_windows(_ragged(*_sessions()), max_context)

    steps = [
        step
        for window in _windows(rows, max_context)
        for step in itertools.pairwise(window.tolist())
    ]
    expected = [step for s in _sessions() for step in itertools.pairwise(s)]
    assert [step for step in steps if step[1]] == expected


def test_every_window_has_a_step_and_padding_comes_last() -> None:
    windows = _windows(windowing.step_windows(_ragged(*_sessions()), 4), 4)

    lengths = np.count_nonzero(windows, axis=1)
    assert lengths.min() > 1
    assert ((windows > 0) == (np.arange(5) < lengths[:, None])).all()


def test_last_step_window_by_hand() -> None:
    windows = windowing.last_step_window(_ragged([2, 3, 4, 5, 6], [8, 9], [5], []), 3)
    assert windows.to_list() == [[3, 4, 5, 6], [8, 9, 0, 0], [], []]


def test_last_step_window_is_the_notebooks_view() -> None:
    """Ten latest items before the last one, which is the label, padded as pad_sequences does."""
    windows = _windows(windowing.last_step_window(_ragged(*_sessions()), 10), 10)

    assert windows.tolist() == _padded([s for s in _sessions() if len(s) > 1], 11)


def test_rows_of_parsed_features_equal_tensorflows_conversion() -> None:
    rows = _ragged([], [2, 3], [], [4], [])
    back = windowing.rows_of(rows.to_sparse())
    assert back.to_list() == tf.RaggedTensor.from_sparse(rows.to_sparse()).to_list()


def test_keep_values_equals_tensorflows_mask() -> None:
    rows = _ragged(*_sessions(), [])
    keep = rows.values % 3 > 0
    expected = tf.ragged.boolean_mask(rows, rows.with_values(keep))
    assert windowing.keep_values(rows, keep).to_list() == expected.to_list()
    assert windowing.keep_values(rows, tf.zeros_like(keep)).to_list() == [[] for _ in range(14)]


@pytest.mark.parametrize("rows", [[[]], [[], [], []], []])
def test_no_items_give_no_windows(rows: list[list[int]]) -> None:
    sequences = _ragged(*rows) if rows else _ragged([1])[:0]
    for windows in (windowing.step_windows, windowing.last_step_window):
        assert windows(sequences, 3).to_list() == rows


def test_weights_are_cut_as_items_are() -> None:
    items = _ragged([2, 3, 4, 5, 6, 7], [8, 9], [5], [])
    weights = tf.cast(items, tf.float32) / 4
    for windows in (windowing.step_windows, windowing.last_step_window):
        found = windows(weights, 3)
        assert found.dtype == tf.float32
        assert (found * 4).to_list() == windows(items, 3).to_list()
