from __future__ import annotations

import collections

import numpy as np
import tensorflow as tf

from modules import dataset

CONTEXT = tf.constant([[2, 3, 4], [5, 0, 0], [6, 7, 0]])
TARGET = tf.constant([[3, 4, 5], [6, 0, 0], [7, 8, 0]])


def _many(windows: int = 60) -> tf.data.Dataset:
    random = np.random.default_rng(3)
    lengths = random.integers(1, 6, windows)
    items = random.integers(2, 50, [windows, 6]).astype(np.int32)
    steps = np.arange(5)[None] < lengths[:, None]
    context, target = np.where(steps, items[:, :-1], 0), np.where(steps, items[:, 1:], 0)
    return tf.data.Dataset.from_tensors((context, target))


def _targets(batches: tf.data.Dataset) -> collections.Counter[int]:
    counter: collections.Counter[int] = collections.Counter()
    for _, target in batches:
        counter.update(target.numpy()[target.numpy() > 0].tolist())
    return counter


def test_window_items_joins_context_and_final_target() -> None:
    assert dataset.window_items(CONTEXT, TARGET).numpy().tolist() == [
        [2, 3, 4, 5],
        [5, 6, 0, 0],
        [6, 7, 8, 0],
    ]


def test_window_items_of_last_step_targets() -> None:
    target = tf.constant([[0, 0, 5], [6, 0, 0], [0, 8, 0]])
    joined = dataset.window_items(CONTEXT, target)
    assert joined.numpy().tolist() == dataset.window_items(CONTEXT, TARGET).numpy().tolist()


def test_keep_items_forgets_an_item_as_if_never_seen() -> None:
    kept = tf.constant([i not in (3, 6) for i in range(9)])
    context, target = dataset.keep_items(CONTEXT, TARGET, kept)
    assert context.numpy().tolist() == [[2, 4, 0], [7, 0, 0]]
    assert target.numpy().tolist() == [[4, 5, 0], [8, 0, 0]]


def test_reversed_windows_come_behind_the_windows() -> None:
    context, target = dataset.add_reversed(CONTEXT, TARGET)
    assert context.numpy()[3:].tolist() == [[5, 4, 3], [6, 0, 0], [8, 7, 0]]
    assert target.numpy()[3:].tolist() == [[4, 3, 2], [5, 0, 0], [7, 6, 0]]


def test_item_counts() -> None:
    chunks = tf.data.Dataset.from_tensors((CONTEXT, TARGET))
    assert dataset.item_counts(chunks, 9).numpy().tolist() == [0, 0, 1, 1, 1, 2, 2, 1, 1]


def test_an_epoch_holds_every_target_once() -> None:
    batches = dataset.training_batches(_many(), 20, reversed_sessions=False, seed=1)
    (_, target), *_ = _many()
    expected = target.numpy()[target.numpy() > 0].tolist()
    assert _targets(batches) == collections.Counter(expected)


def test_batches_change_with_the_epoch_and_repeat_with_the_seed() -> None:
    # The reference notebook cached its batches: the same negatives in every epoch.
    def epochs() -> list[list[list[list[int]]]]:
        batches = dataset.training_batches(_many(), 20, reversed_sessions=True, seed=1)
        return [[context.numpy().tolist() for context, _ in batches] for _ in range(2)]

    first, second = epochs()
    assert first != second
    assert epochs() == [first, second]


def test_windows_of_a_batch_are_about_equally_long() -> None:
    for context, target in dataset.training_batches(_many(), 20, reversed_sessions=False, seed=1):
        lengths = np.count_nonzero(context, axis=1)
        assert lengths.max() - lengths.min() <= 1
        assert context.shape[1] == lengths.max()
        assert np.count_nonzero(target) < 20 + 5


def test_data_beyond_the_limit_stay_in_chunks() -> None:
    chunks = tf.data.Dataset.from_tensors((CONTEXT, TARGET)).repeat(2)
    assert len(list(dataset.in_one_chunk(chunks, 0))) == 2
    ((context, _),) = dataset.in_one_chunk(chunks, 1)
    assert context.shape == [6, 3]
