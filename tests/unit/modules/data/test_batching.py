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
from modules.data.windowing import FEATURE, WEIGHT_FEATURE

PADDED = tf.constant([[2, 3, 4, 5], [5, 6, 0, 0], [6, 7, 8, 0]])
WINDOWS = tf.RaggedTensor.from_tensor(PADDED, padding=0)
CONTEXT = [[2, 3, 4], [5, 0, 0], [6, 7, 0]]
TARGET = [[3, 4, 5], [6, 0, 0], [7, 8, 0]]
LAST_TARGET = [[0, 0, 5], [6, 0, 0], [0, 8, 0]]

Pairs = collections.Counter[tuple[int, ...]]


def _many(windows: int = 60) -> tf.data.Dataset:
    """One chunk of random windows of 1 to 5 steps; every target is an item of its own."""
    random = np.random.default_rng(3)
    lengths = random.integers(1, 6, windows)
    items = 2 + np.arange(windows * 6, dtype=np.int32).reshape(windows, 6)
    padded = np.where(np.arange(6) <= lengths[:, None], items, 0)
    return tf.data.Dataset.from_tensors(tf.RaggedTensor.from_tensor(padded, padding=0))


def _no_windows() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(tf.ragged.constant([], tf.int32, ragged_rank=1))


def _cut(windows: tf.Tensor | tf.RaggedTensor, targets: str = "all") -> list[list[list[int]]]:
    padded = windows.to_tensor() if isinstance(windows, tf.RaggedTensor) else windows
    return [part.numpy().tolist() for part in batching.cut_steps(padded, targets)]


def _steps(chunks: tf.data.Dataset, targets: str = "all") -> Pairs:
    """Counts windows as `_windows` counts batches."""
    return _windows(batching.cut_steps(windows.to_tensor(), targets) for windows in chunks)


def _windows(batches: Iterable[batching.Batch]) -> Pairs:
    """Counts windows, (context, then target), without their padding."""
    counter: Pairs = collections.Counter()
    for context, target in batches:
        for row in zip(context.numpy(), target.numpy(), strict=True):
            length = np.count_nonzero(row[0])
            counter[tuple(np.concatenate([part[:length] for part in row]).tolist())] += 1
    return counter


def _contexts(batches: tf.data.Dataset) -> list[list[list[int]]]:
    return [context.numpy().tolist() for context, _ in batches]


def test_steps_are_cut_with_a_target_each_or_at_the_last_one() -> None:
    assert _cut(PADDED, "all") == [CONTEXT, TARGET]
    assert _cut(PADDED, "last") == [CONTEXT, LAST_TARGET]
    assert _cut(PADDED[1:2, :2], "all") == _cut(PADDED[1:2, :2], "last") == [[[5]], [[6]]]
    assert _cut(PADDED[:0], "last") == [[], []]


class TestKeepItems:
    """Items that the fit must not know."""

    def _kept(self, *dropped: int) -> list[list[int]]:
        kept = tf.constant([item not in dropped for item in range(10)])
        return batching.keep_items(WINDOWS, kept).to_list()

    def test_items_vanish_as_if_never_seen(self) -> None:
        assert self._kept(3, 6) == [[2, 4, 5], [7, 8]]

    def test_the_first_and_the_last_item_of_a_window(self) -> None:
        assert self._kept(2, 8) == [[3, 4, 5], [5, 6], [6, 7]]

    def test_of_a_window_with_its_last_step_as_target_that_step_stays(self) -> None:
        context, target = _cut(tf.ragged.constant(self._kept(3, 6)), "last")
        assert context == [[2, 4], [7, 0]]
        assert target == [[0, 5], [8, 0]]

    def test_the_item_before_a_dropped_last_target_becomes_the_target(self) -> None:
        context, target = _cut(tf.ragged.constant(self._kept(5, 8)), "last")
        assert context == [[2, 3], [6, 0]]
        assert target == [[0, 4], [7, 0]]

    def test_nothing_to_drop_changes_nothing(self) -> None:
        assert self._kept() == WINDOWS.to_list()

    def test_no_window_may_stay(self) -> None:
        assert self._kept(*range(2, 9)) == []

    def test_equals_making_windows_of_shortened_sessions(self) -> None:
        """The property itself, on sessions of one window."""
        random = np.random.default_rng(1)
        items = random.integers(2, 10, [40, 6])
        lengths = random.integers(2, 7, 40)
        dropped = (4, 7)
        sessions = [row[:length].tolist() for row, length in zip(items, lengths, strict=True)]
        windows = tf.ragged.constant(sessions, tf.int32)
        kept = tf.constant([item not in dropped for item in range(10)])
        found = batching.keep_items(windows, kept).to_list()
        shortened = [[item for item in session if item not in dropped] for session in sessions]
        expected = [session for session in shortened if len(session) > 1]
        assert found == expected


def test_reversed_windows_come_after_the_windows() -> None:
    context, target = _cut(batching.add_reversed(WINDOWS))
    assert context == [*CONTEXT, [5, 4, 3], [6, 0, 0], [8, 7, 0]]
    assert target == [*TARGET, [4, 3, 2], [5, 0, 0], [7, 6, 0]]


def test_reversed_windows_have_as_many_targets() -> None:
    """With the last item as the only target, the reversed session's last item is the first."""
    context, target = _cut(batching.add_reversed(WINDOWS), "last")
    assert context[3:] == [[5, 4, 3], [6, 0, 0], [8, 7, 0]]
    assert target[3:] == [[0, 0, 2], [5, 0, 0], [0, 6, 0]]


class TestItemCounts:
    """Events of every item."""

    def test_by_hand(self) -> None:
        chunks = tf.data.Dataset.from_tensors(WINDOWS)
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

    def test_chunks_add_up(self) -> None:
        chunks = tf.data.Dataset.from_tensors(WINDOWS).repeat(3)
        assert batching.item_counts(chunks, 9).numpy().tolist() == [0, 0, 3, 3, 3, 6, 6, 3, 3]

    def test_no_window_is_no_event(self) -> None:
        assert batching.item_counts(_no_windows(), 4).numpy().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("targets", ["all", "last"])
@pytest.mark.parametrize("make", ["training", "evaluation"])
def test_an_epoch_has_every_window_once(make: str, targets: str) -> None:
    batches = (
        batching.training_batches(_many(), 20, targets=targets, reversed_sessions=False, seed=1)
        if make == "training"
        else batching.evaluation_batches(_many(), 20, targets)
    )

    assert _windows(batches) == _steps(_many(), targets)
    assert _windows(batches) == _steps(_many(), targets)  # and so does the next epoch


def test_with_reversed_sessions_every_window_comes_in_both_directions() -> None:
    (windows,) = _many()

    batches = batching.training_batches(_many(), 20, targets="all", reversed_sessions=True, seed=1)

    assert _windows(batches) == _steps([batching.add_reversed(windows)])


@pytest.mark.parametrize("of", [2, 3, 25])
def test_the_shares_of_all_replicas_are_the_batch(of: int) -> None:
    cut = {"targets": "all", "reversed_sessions": True}
    batches = list(batching.training_batches(_many(), 20, seed=1, **cut))
    assert batching.batch_count(_many(), 20, **cut) == len(batches)

    together = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=(tf.TensorSpec([None, None], tf.int32),) * 2
    )
    shares = [list(batching.shares(together, range(own, own + 1), of)) for own in range(of)]

    for number, batch in enumerate(batches):
        own = [share[number] for share in shares]
        assert all(len(context) >= 1 for context, _ in own)
        with_target = [part for part in own if np.any(part[1])]
        assert _windows(with_target) == _windows([batch])


def test_replicas_of_one_worker_get_their_shares_in_turns() -> None:
    windows = tf.reshape(tf.range(2, 14), [6, 2])
    batch = tf.data.Dataset.from_tensors((windows, windows * 10, tf.cast(windows, tf.float32)))
    second, third = batching.shares(batch, range(1, 3), 4)
    assert second[0].numpy().tolist() == [[4, 5], [12, 13]]
    assert third[0].numpy().tolist() == [[6, 7]]
    assert third[1].numpy().tolist() == [[60, 70]]
    assert third[2].numpy().tolist() == [[6.0, 7.0]]


def test_batches_change_with_the_epoch_and_repeat_with_the_seed() -> None:
    # The reference notebook cached its batches: the same negatives in every epoch.
    def epochs(seed: int) -> list[list[list[list[int]]]]:
        tf.random.set_seed(seed)
        batches = batching.training_batches(
            _many(), 20, targets="all", reversed_sessions=True, seed=seed
        )
        return [_contexts(batches) for _ in range(3)]

    first = epochs(1)
    assert all(one != other for one, other in itertools.combinations(first, 2))
    assert epochs(1) == first
    assert epochs(2) != first


def test_other_windows_meet_in_every_epoch() -> None:
    """Not only the order of the batches changes: so do the windows that are in one."""
    batches = batching.training_batches(_many(), 20, targets="all", reversed_sessions=False, seed=1)

    def together() -> set[frozenset[int]]:
        return {frozenset(context.numpy()[:, 0].tolist()) for context, _ in batches}

    first, second = together(), together()
    assert len(first & second) < len(first) / 2


def test_evaluation_batches_never_change() -> None:
    batches = batching.evaluation_batches(_many(), 20, "all")
    assert _contexts(batches) == _contexts(batches)


@pytest.mark.parametrize(("targets", "longest"), [("all", 5), ("last", 1)])
@pytest.mark.parametrize("batch_targets", [1, 7, 20, 10_000])
def test_batches_have_about_as_many_targets_as_configured(
    batch_targets: int, targets: str, longest: int
) -> None:
    batches = batching.training_batches(
        _many(), batch_targets, targets=targets, reversed_sessions=False, seed=1
    )

    found = [np.count_nonzero(target) for _, target in batches]

    (windows,) = _many()
    assert sum(found) == np.count_nonzero(batching.cut_steps(windows.to_tensor(), targets)[1])
    assert max(found) < batch_targets + longest
    # All but the one that takes what is left.
    assert sorted(found)[1:] == [n for n in sorted(found)[1:] if n > batch_targets - longest]


def test_windows_of_a_batch_are_about_equally_long() -> None:
    for context, _ in batching.training_batches(
        _many(), 20, targets="all", reversed_sessions=False, seed=1
    ):
        lengths = np.count_nonzero(context, axis=1)
        assert lengths.max() - lengths.min() <= 1
        assert context.shape[1] == lengths.max()


def test_no_window_makes_no_batch() -> None:
    cut = {"targets": "all", "reversed_sessions": True}
    assert list(batching.training_batches(_no_windows(), 20, seed=1, **cut)) == []
    assert list(batching.evaluation_batches(_no_windows(), 20, "all")) == []


def _record(*windows: list[int]) -> bytes:
    values = tf.train.Int64List(value=list(itertools.chain(*windows)))
    feature = {FEATURE: tf.train.Feature(int64_list=values)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


ALL_WINDOWS = [[2, 3, 4, 5], [5, 6, 7, 0], [7, 8, 9, 0], [2, 9, 0, 0]]
RECORDS = [
    _record(*ALL_WINDOWS[:2]),
    _record(),  # a session that the catalogue's cut left too short
    _record(ALL_WINDOWS[2]),
    _record(ALL_WINDOWS[3]),
]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [str(tmp_path / name) for name in ("a.gz", "b.gz")]
    for path, records in zip(paths, (RECORDS[:1], RECORDS[1:]), strict=True):
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in records:
                writer.write(record)
    return paths


def _rows(chunks: Iterable[tf.RaggedTensor]) -> list[list[int]]:
    return [window for windows in chunks for window in windows.to_list()]


def _without_padding(windows: Iterable[list[int]]) -> list[list[int]]:
    return [[item for item in window if item] for window in windows]


def _pairs(batches: tf.data.Dataset) -> list[tuple[list[int], list[int]]]:
    return [
        pair
        for batch in batches
        for pair in zip(*(part.numpy().tolist() for part in batch), strict=True)
    ]


def test_parses_the_windows_of_all_records() -> None:
    windows = batching.parse_windows(tf.constant(RECORDS), 3)
    assert windows.dtype == tf.int32
    assert _rows([windows]) == _without_padding(ALL_WINDOWS)


def test_parses_records_without_any_window() -> None:
    assert batching.parse_windows(tf.constant([_record(), _record()]), 3).to_list() == []


@pytest.mark.parametrize("records_per_parse", [1, 100])
def test_streaming_and_memory_give_the_same_windows(
    files: list[str], monkeypatch: pytest.MonkeyPatch, records_per_parse: int
) -> None:
    monkeypatch.setattr(batching, "_RECORDS_PER_PARSE", records_per_parse)

    streamed = batching.window_chunks(files, 3)
    joined = batching.in_one_chunk(streamed, 1)

    assert sorted(_rows(streamed)) == sorted(_without_padding(ALL_WINDOWS))
    assert sorted(_rows(joined)) == sorted(_without_padding(ALL_WINDOWS))
    assert len(list(joined)) == 1
    batches = [
        batching.training_batches(chunks, 2, targets="all", reversed_sessions=True, seed=4)
        for chunks in (streamed, joined)
    ]
    assert _windows(batches[0]) == _windows(batches[1])


def test_batches_do_not_depend_on_the_order_on_disk(tmp_path: Path) -> None:
    """Same windows in other files, in another order and with other chunks: the same batches."""
    random = np.random.default_rng(5)
    # Few items, so that windows are equal in part or altogether.
    windows = random.integers(2, 4, (200, 4)) * (np.arange(4) < random.integers(2, 5, (200, 1)))
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
        batches = batching.training_batches(
            chunk, 20, targets="all", reversed_sessions=True, seed=4
        )
        epochs = [_pairs(batches) for _ in range(2)]
        found.append((*epochs, _pairs(batching.evaluation_batches(chunk, 20, "all"))))

    assert found[0] == found[1]
    assert len(found[0][0]) == 400


@pytest.mark.parametrize(("windows", "chunks"), [(2**15 - 1, 1), (2**15, 2)])
def test_data_beyond_the_limit_stay_in_chunks(windows: int, chunks: int) -> None:
    """A window of one step has two int32, and an int64 for where it ends; a chunk has one more."""
    chunk = tf.RaggedTensor.from_tensor(tf.ones([windows, 2], tf.int32))
    streamed = tf.data.Dataset.from_tensors(chunk).repeat(2)
    assert len(list(batching.in_one_chunk(streamed, 1))) == chunks


def test_no_memory_at_all_streams() -> None:
    chunks = tf.data.Dataset.from_tensors(WINDOWS)
    assert batching.in_one_chunk(chunks, 0) is chunks


@pytest.mark.parametrize(("targets", "share"), [("all", 2_000 / 10_500), ("last", 2 / 3)])
@pytest.mark.parametrize("chunks", [1, 3])
def test_a_sample_of_windows_has_all_lengths_and_is_the_same_every_time(
    chunks: int, targets: str, share: float
) -> None:
    steps = np.arange(3_000) % 6 + 1
    items = (np.arange(7) <= steps[:, None]).astype(np.int32) * 2
    rows = tf.RaggedTensor.from_tensor(items, padding=0)
    windows = tf.data.Dataset.from_tensor_slices(rows).batch(3_000 // chunks)

    sample = batching.sampled_windows(windows, 2_000, targets)

    drawn = _rows(sample)
    assert len(drawn) == pytest.approx(3_000 * share, rel=0.1)
    shares = np.bincount([len(window) - 1 for window in drawn], minlength=7)[1:] / len(drawn)
    np.testing.assert_allclose(shares, 1 / 6, atol=0.06)
    assert drawn == _rows(sample)


@pytest.mark.parametrize("targets", ["all", "last"])
def test_few_windows_are_all_in_the_sample(targets: str) -> None:
    windows = _many()
    assert batching.sampled_windows(windows, 10**6, targets) is windows


def _digest(*chunks: list[list[int]]) -> str:
    rows = [
        tf.ragged.constant(_without_padding(chunk), tf.int32, ragged_rank=1) for chunk in chunks
    ]
    spec = tf.RaggedTensorSpec([None, None], tf.int32)
    return batching.windows_digest(
        tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=spec)
    )


def test_a_digest_of_windows_knows_their_content_alone() -> None:
    one, two, three = [2, 3, 4, 0], [3, 2, 4, 0], [5, 6, 0, 0]
    digest = _digest([one, two], [three])
    assert _digest([three, one, two]) == digest
    others = [
        _digest([one, two]),
        _digest([one, two, three, three]),
        _digest([one, one, three]),
        _digest([one, two, [6, 5, 0, 0]]),
        _digest([one, [3, 2, 5, 0], three]),
        _digest([[2, 3, 5, 0], two, three]),
        _digest([[2, 2, 4, 0], [3, 3, 4, 0], three]),  # items exchanged
        _digest([]),
    ]
    assert len({digest, *others}) == 1 + len(others)


def test_the_order_of_windows_is_by_context_then_by_the_last_item() -> None:
    """A batch's order hangs on it, and metrics on that: it must not change."""
    windows = [[2, 9], [2, 3, 4, 5], [2, 3, 9], [2, 3, 4], [3, 2], [2, 4, 2]]
    for order in itertools.permutations(windows):
        chunk = tf.ragged.constant(order, tf.int32)
        (found,) = batching.in_one_chunk(tf.data.Dataset.from_tensors(chunk), 1)
        assert found.to_list() == [[2, 9], [2, 3, 4], [2, 3, 9], [2, 3, 4, 5], [2, 4, 2], [3, 2]]


def test_the_order_of_windows_is_that_of_padded_ones() -> None:
    """By the keys that the docstring names, one after the other, of many windows."""
    random = np.random.default_rng(2)
    padded = random.integers(2, 5, (2_000, 6)) * (np.arange(6) < random.integers(2, 7, (2_000, 1)))
    (found,) = batching.in_one_chunk(
        tf.data.Dataset.from_tensors(tf.RaggedTensor.from_tensor(padded, padding=0)), 1
    )
    expected = sorted(_without_padding(padded.tolist()), key=lambda row: (row[:-1], row[-1]))
    assert found.to_list() == expected


def _weights(windows: tf.Tensor) -> np.ndarray:
    """Weights that say which item they are of."""
    return np.asarray(windows, np.float32) / 8


@pytest.fixture
def weighted_files(tmp_path: Path) -> list[str]:
    path = str(tmp_path / "weighted.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for windows in (ALL_WINDOWS[:2], [], ALL_WINDOWS[2:]):
            example = tf.train.Example.FromString(_record(*windows))
            values = itertools.chain(*_weights(windows).tolist())
            example.features.feature[WEIGHT_FEATURE].float_list.value.extend(values)
            writer.write(example.SerializeToString())
    return [path]


@pytest.mark.parametrize("limit", [0, 1], ids=["streamed", "in memory"])
@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("targets", ["all", "last"])
def test_every_target_has_its_own_weight(
    weighted_files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    is_reversed: bool,
    targets: str,
) -> None:
    monkeypatch.setattr(batching, "_RECORDS_PER_PARSE", 2)
    chunks = batching.in_one_chunk(batching.window_chunks(weighted_files, 3, True), limit)
    assert len(list(chunks)) == (1 if limit else 2)
    options = {"targets": targets, "reversed_sessions": is_reversed, "seed": 3}
    batches = list(batching.training_batches(chunks, 3, **options))
    for context, target, weight in batches:
        assert context.shape == target.shape == weight.shape
        chosen = target.numpy() > 0
        assert weight.numpy()[chosen].tolist() == _weights(target)[chosen].tolist()
    plain = batching.windows_alone(chunks)
    same = batching.training_batches(plain, 3, **options)
    assert _windows(batch[:2] for batch in batches) == _windows(same)
    assert batching.windows_alone(plain) is plain
    assert batching.item_counts(plain, 10).numpy().sum() == np.count_nonzero(ALL_WINDOWS)


def test_a_digest_knows_the_weights_too(weighted_files: list[str]) -> None:
    chunks = batching.window_chunks(weighted_files, 3, True)
    digest = batching.windows_digest(chunks)
    assert digest != batching.windows_digest(batching.windows_alone(chunks))
    other = chunks.map(lambda windows, weights: (windows, weights * 2))
    back = other.map(lambda windows, weights: (windows, weights / 2))
    assert batching.windows_digest(other) != digest == batching.windows_digest(back)


def test_equal_windows_are_ordered_by_their_weights() -> None:
    windows = tf.ragged.constant([[2, 3]] * 3)
    weights = [[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]]
    for order in itertools.permutations(weights):
        chunks = tf.data.Dataset.from_tensors((windows, tf.ragged.constant(order)))
        ((_, found),) = batching.in_one_chunk(chunks, 1)
        assert found.to_list() == [[1.0, 1.0], [2.0, 1.0], [1.0, 2.0]]
