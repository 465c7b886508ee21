from __future__ import annotations

import tensorflow as tf

from modules import features


def _ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def test_windows_cover_every_step_once() -> None:
    context, target = features.step_windows(_ragged([2, 3, 4, 5, 6, 7], [8, 9], [5]), 3)
    assert context.to_list() == [[2, 3, 4, 5, 6, 0], [8, 0, 0], []]
    assert target.to_list() == [[3, 4, 5, 6, 7, 0], [9, 0, 0], []]


def test_last_step_window_is_the_notebooks_view() -> None:
    context, target = features.last_step_window(_ragged([2, 3, 4, 5, 6], [8, 9], [5]), 3)
    assert context.to_list() == [[3, 4, 5], [8, 0, 0], []]
    assert target.to_list() == [[0, 0, 6], [9, 0, 0], []]


def test_context_equals_keras_post_padding_of_the_latest_items() -> None:
    sessions = [list(range(2, 2 + length)) for length in (1, 2, 9, 10, 11, 25)]
    padded = features.latest_right_padded(_ragged(*sessions), 10)
    expected = tf.keras.preprocessing.sequence.pad_sequences(
        sessions, maxlen=10, padding="post", truncating="pre"
    )
    assert padded.numpy().tolist() == expected.tolist()


def test_empty_sessions_keep_one_padded_column() -> None:
    assert features.latest_right_padded(_ragged([], []), 4).numpy().tolist() == [[0], [0]]
