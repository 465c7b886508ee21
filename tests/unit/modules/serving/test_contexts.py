"""Contexts of sessions: the latest items, right-padded as Keras pads them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.serving import contexts

SESSIONS = [list(range(length)) for length in (0, 1, 2, 3, 4, 5, 9, 10, 11, 25)]


def _ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def _padded(sessions: list[list[int]], width: int) -> list[list[int]]:
    return tf.keras.preprocessing.sequence.pad_sequences(
        sessions, maxlen=width, padding="post", truncating="pre", value=NO_ITEM
    ).tolist()


@pytest.mark.parametrize("max_context", [1, 4, 10, 30])
def test_context_equals_keras_post_padding_of_the_latest_items(max_context: int) -> None:
    padded = contexts.latest_right_padded(_ragged(*SESSIONS), max_context)
    longest = min(max(map(len, SESSIONS)), max_context)
    assert padded.numpy().tolist() == _padded(SESSIONS, longest)


def test_the_running_count_starts_again_in_each_row() -> None:
    flags = tf.ragged.constant([[True, False, True], [], [False, True]], tf.bool)
    assert contexts.running_count(flags).to_list() == [[1, 1, 2], [], [0, 1]]
    assert contexts.running_count(flags[:0]).to_list() == []


def test_each_prefix_has_the_latest_values_before_it() -> None:
    values = _ragged([3, 4, 5], [], [6])
    session, count = tf.constant([0, 0, 0, 2], tf.int64), tf.constant([0, 1, 3, 1], tf.int64)
    found = contexts.latest_before(values, session, count, 2)
    assert found.numpy().tolist() == [[-1, -1], [3, -1], [4, 5], [6, -1]]
    none = contexts.latest_before(_ragged([], []), session[:1], count[:1], 2)
    assert none.numpy().tolist() == [[-1, -1]]


@pytest.mark.parametrize(("sessions", "rows"), [([[], []], 2), ([], 0)])
def test_a_batch_without_items_keeps_one_padded_column(
    sessions: list[list[int]], rows: int
) -> None:
    padded = contexts.latest_right_padded(_ragged(*sessions), 4)
    assert padded.numpy().tolist() == [[NO_ITEM]] * rows
    assert padded.shape == [rows, 1]


@pytest.mark.parametrize("max_context", [1, 3, 50])
def test_latest_kept_is_latest_right_padded_of_what_is_kept(max_context: int) -> None:
    random = np.random.default_rng(max_context)
    for shape in ((6, 9), (1, 1), (4, 0), (0, 3), (5, 200)):
        values, keep = random.integers(1, 99, shape), random.random(shape) < 0.6
        rows = [row[kept].tolist() for row, kept in zip(values, keep, strict=True)]
        expected = contexts.latest_right_padded(
            tf.ragged.constant(rows, tf.int64, ragged_rank=1), max_context
        )

        found = contexts.latest_kept(tf.constant(values), tf.constant(keep), max_context)

        np.testing.assert_array_equal(found, expected)
