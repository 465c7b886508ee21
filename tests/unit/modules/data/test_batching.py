"""Batches from Transform's windows: nothing lost, nothing twice, nothing frozen."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data import batching
from modules.preprocessing import CONTEXT as CONTEXT_NAME
from modules.preprocessing import TARGET as TARGET_NAME

CONTEXT = tf.constant([[2, 3, 4], [5, 0, 0], [6, 7, 0]])
TARGET = tf.constant([[3, 4, 5], [6, 0, 0], [7, 8, 0]])
LAST_TARGET = tf.constant([[0, 0, 5], [6, 0, 0], [0, 8, 0]])

Pairs = collections.Counter[tuple[int, ...]]


def _many(windows: int = 60) -> tf.data.Dataset:
    """One chunk of random windows of 1 to 5 steps; every target is an item of its own."""
    random = np.random.default_rng(3)
    lengths = random.integers(1, 6, windows)
    items = 2 + np.arange(windows * 6, dtype=np.int32).reshape(windows, 6)
    steps = np.arange(5)[None] < lengths[:, None]
    context, target = np.where(steps, items[:, :-1], 0), np.where(steps, items[:, 1:], 0)
    return tf.data.Dataset.from_tensors((context, target))


def _windows(batches: Iterable[batching.Windows]) -> Pairs:
    """Counts windows, (context, then target), without their padding."""
    counter: Pairs = collections.Counter()
    for context, target in batches:
        for row in zip(context.numpy(), target.numpy(), strict=True):
            length = np.count_nonzero(row[0])
            counter[tuple(np.concatenate([part[:length] for part in row]).tolist())] += 1
    return counter


def _contexts(batches: tf.data.Dataset) -> list[list[list[int]]]:
    return [context.numpy().tolist() for context, _ in batches]


def test_window_items_joins_context_and_final_target() -> None:
    expected = [[2, 3, 4, 5], [5, 6, 0, 0], [6, 7, 8, 0]]
    assert batching.window_items(CONTEXT, TARGET).numpy().tolist() == expected
    assert batching.window_items(CONTEXT, LAST_TARGET).numpy().tolist() == expected


class TestKeepItems:
    """Items that the fit must not know."""

    def _kept(
        self, target: tf.Tensor, *dropped: int, context: tf.Tensor = CONTEXT
    ) -> tuple[list[list[int]], list[list[int]]]:
        kept = tf.constant([item not in dropped for item in range(10)])
        shortened = batching.keep_items(context, target, kept)
        return tuple(indices.numpy().tolist() for indices in shortened)

    def test_items_vanish_as_if_never_seen(self) -> None:
        context, target = self._kept(TARGET, 3, 6)
        assert context == [[2, 4, 0], [7, 0, 0]]
        assert target == [[4, 5, 0], [8, 0, 0]]

    def test_the_first_and_the_last_item_of_a_window(self) -> None:
        assert self._kept(TARGET, 2, 8) == (
            [[3, 4, 0], [5, 0, 0], [6, 0, 0]],
            [[4, 5, 0], [6, 0, 0], [7, 0, 0]],
        )

    def test_of_a_window_with_its_last_step_as_target_that_step_stays(self) -> None:
        context, target = self._kept(LAST_TARGET, 3, 6)
        assert context == [[2, 4, 0], [7, 0, 0]]
        assert target == [[0, 5, 0], [8, 0, 0]]

    def test_the_item_before_a_dropped_last_target_becomes_the_target(self) -> None:
        context, target = self._kept(LAST_TARGET, 5, 8)
        assert context == [[2, 3, 0], [6, 0, 0]]
        assert target == [[0, 4, 0], [7, 0, 0]]

    @pytest.mark.parametrize("target", [TARGET, LAST_TARGET])
    def test_nothing_to_drop_changes_nothing(self, target: tf.Tensor) -> None:
        context, kept_target = self._kept(target)
        assert (context, kept_target) == (CONTEXT.numpy().tolist(), target.numpy().tolist())

    def test_no_window_may_stay(self) -> None:
        context, target = self._kept(TARGET, *range(2, 9))
        assert context == target == []

    def test_equals_making_windows_of_shortened_sessions(self) -> None:
        """The property itself, on sessions of one window."""
        random = np.random.default_rng(1)
        items = random.integers(2, 10, [40, 6])
        lengths = random.integers(2, 7, 40)
        dropped = (4, 7)

        def windows(sessions: list[list[int]]) -> Pairs:
            return collections.Counter(
                (*session[:-1], *session[1:]) for session in sessions if len(session) > 1
            )

        sessions = [row[:length].tolist() for row, length in zip(items, lengths, strict=True)]
        padded = np.where(np.arange(6) < lengths[:, None], items, 0).astype(np.int32)
        context = np.where(np.arange(5) < lengths[:, None] - 1, padded[:, :-1], 0)
        kept = tf.constant([item not in dropped for item in range(10)])
        found = batching.keep_items(tf.constant(context), tf.constant(padded[:, 1:]), kept)
        expected = [[item for item in session if item not in dropped] for session in sessions]
        assert _windows([found]) == windows(expected)


def test_reversed_windows_come_behind_the_windows() -> None:
    context, target = batching.add_reversed(CONTEXT, TARGET)
    assert context.numpy()[:3].tolist() == CONTEXT.numpy().tolist()
    assert target.numpy()[:3].tolist() == TARGET.numpy().tolist()
    assert context.numpy()[3:].tolist() == [[5, 4, 3], [6, 0, 0], [8, 7, 0]]
    assert target.numpy()[3:].tolist() == [[4, 3, 2], [5, 0, 0], [7, 6, 0]]


def test_reversed_windows_have_as_many_targets() -> None:
    """With the last item as the only target, the reversed session's last item is the first."""
    context, target = batching.add_reversed(CONTEXT, LAST_TARGET)
    assert context.numpy()[3:].tolist() == [[5, 4, 3], [6, 0, 0], [8, 7, 0]]
    assert target.numpy()[3:].tolist() == [[0, 0, 2], [5, 0, 0], [0, 6, 0]]


class TestItemCounts:
    """Events of every item."""

    def test_by_hand(self) -> None:
        chunks = tf.data.Dataset.from_tensors((CONTEXT, TARGET))
        assert batching.item_counts(chunks, 11).numpy().tolist() == [
            0,
            0,
            *[1] * 3,
            2,
            2,
            1,
            1,
            0,
            0,
        ]

    def test_chunks_add_up_and_every_target_view_counts_alike(self) -> None:
        chunks = tf.data.Dataset.from_tensors((CONTEXT, LAST_TARGET)).repeat(3)
        assert batching.item_counts(chunks, 9).numpy().tolist() == [0, 0, 3, 3, 3, 6, 6, 3, 3]

    def test_no_window_is_no_event(self) -> None:
        nothing = tf.zeros([0, 3], tf.int32)
        chunks = tf.data.Dataset.from_tensors((nothing, nothing))
        assert batching.item_counts(chunks, 4).numpy().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("make", ["training", "evaluation"])
def test_an_epoch_holds_every_window_once(make: str) -> None:
    batches = (
        batching.training_batches(_many(), 20, reversed_sessions=False, seed=1)
        if make == "training"
        else batching.evaluation_batches(_many(), 20)
    )

    assert _windows(batches) == _windows(_many())
    assert _windows(batches) == _windows(_many())  # and so does the next epoch


def test_with_reversed_sessions_every_window_comes_in_both_directions() -> None:
    (windows,) = _many()

    batches = batching.training_batches(_many(), 20, reversed_sessions=True, seed=1)

    assert _windows(batches) == _windows([batching.add_reversed(*windows)])


def test_batches_change_with_the_epoch_and_repeat_with_the_seed() -> None:
    # The reference notebook cached its batches: the same negatives in every epoch.
    def epochs(seed: int) -> list[list[list[list[int]]]]:
        tf.random.set_seed(seed)
        batches = batching.training_batches(_many(), 20, reversed_sessions=True, seed=seed)
        return [_contexts(batches) for _ in range(3)]

    first = epochs(1)
    assert all(one != other for one, other in itertools.combinations(first, 2))
    assert epochs(1) == first
    assert epochs(2) != first


def test_other_windows_meet_in_every_epoch() -> None:
    """Not only the order of the batches changes: so do the windows that are in one."""
    batches = batching.training_batches(_many(), 20, reversed_sessions=False, seed=1)

    def together() -> set[frozenset[int]]:
        return {frozenset(context.numpy()[:, 0].tolist()) for context, _ in batches}

    first, second = together(), together()
    assert len(first & second) < len(first) / 2


def test_evaluation_batches_never_change() -> None:
    batches = batching.evaluation_batches(_many(), 20)
    assert _contexts(batches) == _contexts(batches)


@pytest.mark.parametrize("batch_targets", [1, 7, 20, 10_000])
def test_batches_hold_about_as_many_targets_as_asked(batch_targets: int) -> None:
    longest = 5
    batches = batching.training_batches(_many(), batch_targets, reversed_sessions=False, seed=1)

    targets = [np.count_nonzero(target) for _, target in batches]

    assert sum(targets) == sum(np.count_nonzero(target) for _, target in _many())
    assert max(targets) < batch_targets + longest
    # All but the one that takes what is left.
    assert sorted(targets)[1:] == [n for n in sorted(targets)[1:] if n > batch_targets - longest]


def test_windows_of_a_batch_are_about_equally_long() -> None:
    for context, _ in batching.training_batches(_many(), 20, reversed_sessions=False, seed=1):
        lengths = np.count_nonzero(context, axis=1)
        assert lengths.max() - lengths.min() <= 1
        assert context.shape[1] == lengths.max()


def test_no_window_makes_no_batch() -> None:
    nothing = tf.zeros([0, 3], tf.int32)
    chunks = tf.data.Dataset.from_tensors((nothing, nothing))
    assert list(batching.training_batches(chunks, 20, reversed_sessions=True, seed=1)) == []
    assert list(batching.evaluation_batches(chunks, 20)) == []


def _record(*windows: tuple[list[int], list[int]]) -> bytes:
    feature = {
        name: tf.train.Feature(
            int64_list=tf.train.Int64List(value=list(itertools.chain(*(w[i] for w in windows))))
        )
        for i, name in enumerate((CONTEXT_NAME, TARGET_NAME))
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


RECORDS = [
    _record(([2, 3, 4], [3, 4, 5]), ([5, 6, 0], [6, 7, 0])),
    _record(),  # a session that the catalogue's cut left too short
    _record(([7, 8, 0], [8, 9, 0])),
    _record(([2, 0, 0], [9, 0, 0])),
]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [str(tmp_path / name) for name in ("a.gz", "b.gz")]
    for path, records in zip(paths, (RECORDS[:1], RECORDS[1:]), strict=True):
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in records:
                writer.write(record)
    return paths


ALL_WINDOWS = [
    ([2, 3, 4], [3, 4, 5]),
    ([5, 6, 0], [6, 7, 0]),
    ([7, 8, 0], [8, 9, 0]),
    ([2, 0, 0], [9, 0, 0]),
]


def _rows(chunks: tf.data.Dataset) -> list[tuple[list[int], list[int]]]:
    return [
        (context, target)
        for windows in chunks
        for context, target in zip(*(part.numpy().tolist() for part in windows), strict=True)
    ]


def test_parses_the_windows_of_all_records() -> None:
    windows = batching.parse_windows(tf.constant(RECORDS), 3)
    assert [part.dtype for part in windows] == [tf.int32, tf.int32]
    assert _rows([windows]) == ALL_WINDOWS


def test_parses_records_without_any_window() -> None:
    context, target = batching.parse_windows(tf.constant([_record(), _record()]), 3)
    assert context.shape == target.shape == [0, 3]


@pytest.mark.parametrize("records_per_parse", [1, 100])
def test_streaming_and_memory_give_the_same_windows(
    files: list[str], monkeypatch: pytest.MonkeyPatch, records_per_parse: int
) -> None:
    monkeypatch.setattr(batching, "_RECORDS_PER_PARSE", records_per_parse)

    streamed = batching.window_chunks(files, 3)
    joined = batching.in_one_chunk(streamed, 1)

    assert sorted(_rows(streamed)) == sorted(ALL_WINDOWS)
    assert sorted(_rows(joined)) == sorted(ALL_WINDOWS)
    assert len(list(joined)) == 1
    batches = [
        batching.training_batches(chunks, 2, reversed_sessions=True, seed=4)
        for chunks in (streamed, joined)
    ]
    assert _windows(batches[0]) == _windows(batches[1])


def test_batches_do_not_depend_on_the_order_on_disk(tmp_path: Path) -> None:
    """Same windows in other files, in another order and with other chunks: the same batches."""
    random = np.random.default_rng(5)
    # Few items, so that windows are equal in part or altogether.
    windows = [random.integers(2, 4, (2, 3)).tolist() for _ in range(200)]
    found = []
    for name, order in (("one", range(200)), ("other", random.permutation(200))):
        records = [_record(windows[place]) for place in order]
        paths = [str(tmp_path / f"{name}{part}.gz") for part in range(3)]
        cuts = sorted(random.integers(0, 200, 2))
        for path, part in zip(paths, np.split(np.array(records, object), cuts), strict=True):
            with tf.io.TFRecordWriter(path, "GZIP") as writer:
                for record in part:
                    writer.write(record)
        chunk = batching.in_one_chunk(batching.window_chunks(paths, 3), 1)
        tf.random.set_seed(1)
        batches = batching.training_batches(chunk, 20, reversed_sessions=True, seed=4)
        epochs = [_rows(batches) for _ in range(2)]
        found.append((*epochs, _rows(batching.evaluation_batches(chunk, 20))))

    assert found[0] == found[1]
    assert len(found[0][0]) == 400


@pytest.mark.parametrize(("windows", "chunks"), [(2**16, 1), (2**16 + 1, 2)])
def test_data_beyond_the_limit_stay_in_chunks(windows: int, chunks: int) -> None:
    """A window of one step has two int32: 2 ** 16 of them twice are one MiB."""
    ones = tf.ones([windows, 1], tf.int32)
    streamed = tf.data.Dataset.from_tensors((ones, ones)).repeat(2)
    assert len(list(batching.in_one_chunk(streamed, 1))) == chunks


def test_no_memory_at_all_streams() -> None:
    chunks = tf.data.Dataset.from_tensors((CONTEXT, TARGET))
    assert batching.in_one_chunk(chunks, 0) is chunks


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_sample_of_windows_has_all_lengths_and_is_the_same_every_time(chunks: int) -> None:
    lengths = np.arange(3_000) % 6 + 1
    target = (np.arange(6) < lengths[:, None]).astype(np.int32)
    windows = tf.data.Dataset.from_tensor_slices((target * 2, target * 3)).batch(3_000 // chunks)

    sample = batching.sampled_windows(windows, 2_000)

    drawn = np.concatenate([target.numpy() for _, target in sample])
    assert np.count_nonzero(drawn) == pytest.approx(2_000, rel=0.1)
    shares = np.bincount(np.count_nonzero(drawn, axis=1), minlength=7)[1:] / len(drawn)
    np.testing.assert_allclose(shares, 1 / 6, atol=0.06)
    np.testing.assert_array_equal(drawn, np.concatenate([target for _, target in sample]))
    for context, targets in sample:
        np.testing.assert_array_equal(context > 0, targets > 0)


def test_few_windows_are_all_in_the_sample() -> None:
    windows = _many()
    assert batching.sampled_windows(windows, 10**6) is windows


def _digest(*chunks: list[list[int]]) -> str:
    rows = [np.array(chunk, np.int32).reshape(-1, 6) for chunk in chunks]
    parts = [(chunk[:, :3], chunk[:, 3:]) for chunk in rows]
    spec = (tf.TensorSpec([None, 3], tf.int32),) * 2
    return batching.windows_digest(
        tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=spec)
    )


def test_a_digest_of_windows_knows_their_content_alone() -> None:
    one, two, three = [2, 3, 0, 3, 4, 0], [3, 2, 0, 2, 4, 0], [5, 0, 0, 6, 0, 0]
    digest = _digest([one, two], [three])
    assert _digest([three, one, two]) == digest
    others = [
        _digest([one, two]),
        _digest([one, two, three, three]),
        _digest([one, one, three]),
        _digest([one, two, [6, 0, 0, 5, 0, 0]]),
        _digest([one, [3, 2, 0, 2, 5, 0], three]),
        _digest([[2, 3, 0, 2, 4, 0], [3, 2, 0, 3, 4, 0], three]),  # targets exchanged
        _digest([]),
    ]
    assert len({digest, *others}) == 1 + len(others)
