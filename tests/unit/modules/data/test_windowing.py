"""Windows and contexts of sessions: every step once, and the reference notebook's view."""

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


def test_windows_by_hand() -> None:
    context, target = windowing.step_windows(_ragged([2, 3, 4, 5, 6, 7], [8, 9], [5], []), 3)
    assert context.to_list() == [[2, 3, 4, 5, 6, 0], [8, 0, 0], [], []]
    assert target.to_list() == [[3, 4, 5, 6, 7, 0], [9, 0, 0], [], []]


@pytest.mark.parametrize("max_context", [1, 2, 3, 10, 30])
def test_windows_cover_every_step_once(max_context: int) -> None:
    context, target = windowing.step_windows(_ragged(*_sessions()), max_context)

    steps = []
    for row in zip(context.to_list(), target.to_list(), strict=True):
        assert len(row[0]) == len(row[1]) and len(row[0]) % max_context == 0
        steps += [step for step in zip(*row, strict=True) if step != (0, 0)]
    expected = [step for s in _sessions() for step in itertools.pairwise(s)]
    assert steps == expected


def test_no_window_is_padding_alone_and_padding_comes_last() -> None:
    context, target = windowing.step_windows(_ragged(*_sessions()), 4)

    windows = tf.reshape(context.flat_values, [-1, 4]).numpy()
    lengths = np.count_nonzero(windows, axis=1)
    assert lengths.min() > 0
    assert ((windows > 0) == (np.arange(4) < lengths[:, None])).all()
    assert ((target.flat_values > 0) == (context.flat_values > 0)).numpy().all()


def test_last_step_window_by_hand() -> None:
    context, target = windowing.last_step_window(_ragged([2, 3, 4, 5, 6], [8, 9], [5], []), 3)
    assert context.to_list() == [[3, 4, 5], [8, 0, 0], [], []]
    assert target.to_list() == [[0, 0, 6], [9, 0, 0], [], []]


def test_last_step_window_is_the_notebooks_view() -> None:
    """Ten latest items padded behind, as Keras's pad_sequences does; the last item is the label."""
    sessions = [session for session in _sessions() if len(session) > 1]

    context, target = windowing.last_step_window(_ragged(*sessions), 10)

    assert context.to_list() == _padded([session[:-1] for session in sessions], 10)
    rows = target.to_tensor().numpy()
    assert [row[row > 0].tolist() for row in rows] == [[session[-1]] for session in sessions]
    # The label stands at the step of the last context item.
    assert rows.argmax(axis=1).tolist() == [min(len(s) - 1, 10) - 1 for s in sessions]


@pytest.mark.parametrize("max_context", [1, 4, 10, 30])
def test_context_equals_keras_post_padding_of_the_latest_items(max_context: int) -> None:
    padded = windowing.latest_right_padded(_ragged(*_sessions()), max_context)
    longest = min(max(LENGTHS), max_context)
    assert padded.numpy().tolist() == _padded(_sessions(), longest)


@pytest.mark.parametrize(("sessions", "rows"), [([[], []], 2), ([], 0)])
def test_a_batch_without_items_keeps_one_padded_column(
    sessions: list[list[int]], rows: int
) -> None:
    padded = windowing.latest_right_padded(_ragged(*sessions), 4)
    assert padded.numpy().tolist() == [[0]] * rows
    assert padded.shape == [rows, 1]


def test_right_padding_to_multiples() -> None:
    padded = windowing.right_pad_to_multiple(_ragged([1], [], [1, 2, 3], [1, 2, 3, 4]), 3)
    assert padded.to_list() == [[1, 0, 0], [], [1, 2, 3], [1, 2, 3, 4, 0, 0]]


def test_rows_of_parsed_features_equal_tensorflows_conversion() -> None:
    rows = _ragged([], [2, 3], [], [4], [])
    back = windowing.rows_of(rows.to_sparse())
    assert back.to_list() == tf.RaggedTensor.from_sparse(rows.to_sparse()).to_list()


def test_keep_items_equals_tensorflows_mask() -> None:
    rows = _ragged(*_sessions(), [])
    keep = rows.values % 3 > 0
    expected = tf.ragged.boolean_mask(rows, rows.with_values(keep))
    assert windowing.keep_items(rows, keep).to_list() == expected.to_list()
    assert windowing.keep_items(rows, tf.zeros_like(keep)).to_list() == [[] for _ in range(14)]


@pytest.mark.parametrize("rows", [[[]], [[], [], []], []])
def test_no_items_give_no_windows(rows: list[list[int]]) -> None:
    sequences = _ragged(*rows) if rows else _ragged([1])[:0]
    for windows in (windowing.step_windows, windowing.last_step_window):
        context, target = windows(sequences, 3)
        assert context.to_list() == target.to_list() == rows


@pytest.mark.parametrize("max_context", [1, 3, 50])
def test_latest_kept_is_latest_right_padded_of_what_is_kept(max_context: int) -> None:
    random = np.random.default_rng(max_context)
    for shape in ((6, 9), (1, 1), (4, 0), (0, 3), (5, 200)):
        values, keep = random.integers(1, 99, shape), random.random(shape) < 0.6
        rows = [row[kept].tolist() for row, kept in zip(values, keep, strict=True)]
        expected = windowing.latest_right_padded(
            tf.ragged.constant(rows, tf.int64, ragged_rank=1), max_context
        )

        found = windowing.latest_kept(tf.constant(values), tf.constant(keep), max_context)

        np.testing.assert_array_equal(found, expected)
