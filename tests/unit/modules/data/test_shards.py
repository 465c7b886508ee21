"""Shards: every window once, beside its weights, in another order in each epoch."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data import batching, shards
from modules.data.shards import Shards, write_shards

LENGTH = 4
CUT = {"targets": "all", "reversed_sessions": True}


def _windows(windows: int = 6000) -> np.ndarray:
    """Windows of 2 to 4 items in the order of their first item, which is unique."""
    rows = np.arange(2, 2 + windows * LENGTH, dtype=np.int32).reshape(windows, LENGTH)
    return rows * (np.arange(LENGTH) <= 1 + np.arange(windows)[:, None] % 3)


def _chunks(windows: np.ndarray, weighted: bool = False) -> tf.data.Dataset:
    """Chunks of a thousand windows; weights say which item they are of."""
    rows = tf.RaggedTensor.from_tensor(windows, padding=0)
    weights = rows.with_values(tf.cast(rows.values, tf.float32) / 8)
    return tf.data.Dataset.from_tensor_slices((rows, weights) if weighted else rows).batch(1000)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_BUCKETS", 64)
    monkeypatch.setattr(shards, "_BYTES_PER_WRITE", 20_000)  # of every second chunk


@pytest.fixture
def written(tmp_path: Path) -> Shards:
    """Five shards of 1200 windows, about, with three items and an end on average."""
    return write_shards(_chunks(_windows()), str(tmp_path), 20_000 / 2**20, 3)


def _first_items(chunks: tf.data.Dataset) -> list[list[int]]:
    return [chunk[:, :1].values.numpy().tolist() for chunk in chunks]


def test_every_window_is_in_one_shard_once(written: Shards, tmp_path: Path) -> None:
    assert len(written.files) == 5
    assert sorted(map(str, tmp_path.iterdir())) == sorted(written.files)
    rows = sorted(row for chunk in written.chunks() for row in chunk.to_list())
    assert rows == [[item for item in row if item] for row in _windows().tolist()]
    assert written.chunks().element_spec == _chunks(_windows()).element_spec


def test_a_shard_is_a_sample_of_all_windows(written: Shards) -> None:
    found = _first_items(written.chunks())
    for items in found:
        of_each_tenth = np.bincount((np.array(items) - 2) * 10 // (6000 * LENGTH), minlength=10)
        assert of_each_tenth.min() > 0.5 * len(items) / 10
    # The last one has what is left.
    assert [len(items) for items in found[:-1]] == [pytest.approx(1250, abs=120)] * 4


def test_shards_come_in_another_order_each_time_and_the_same_by_seed(written: Shards) -> None:
    def orders(seed: int) -> list[str]:
        tf.random.set_seed(1)
        chunks = written.shuffled_chunks(seed)
        return [str(_first_items(chunks)) for _ in range(4)]

    fixed = _first_items(written.chunks())
    assert orders(7) == orders(7) != orders(8)
    assert len(set(orders(7))) > 2
    assert sorted(_first_items(written.shuffled_chunks(7))) == sorted(fixed)
    assert _first_items(written.chunks()) == fixed


def test_shards_are_the_same_by_seed(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> list[list[int]]:
        (tmp_path / name).mkdir()
        made = write_shards(_chunks(_windows()), str(tmp_path / name), 20_000 / 2**20, seed)
        return _first_items(made.chunks())

    assert drawn("one", 3) == drawn("same", 3) != drawn("other", 4)


def test_weights_stay_beside_their_windows(tmp_path: Path) -> None:
    written = write_shards(_chunks(_windows(), weighted=True), str(tmp_path), 40_000 / 2**20, 3)
    assert len(written.files) == 5
    assert written.chunks().element_spec == _chunks(_windows(), weighted=True).element_spec
    found = list(written.shuffled_chunks(1))
    for windows, weights in found:
        np.testing.assert_array_equal(weights.values, windows.values.numpy() / 8)
        assert weights.row_splits.numpy().tolist() == windows.row_splits.numpy().tolist()
    assert sum(int(windows.nrows()) for windows, _ in found) == 6000


def test_workers_take_equal_steps_and_their_shares_of_the_same_batches(written: Shards) -> None:
    def epochs() -> tf.data.Dataset:
        """As each process makes them for itself."""
        tf.random.set_seed(1)
        return batching.training_batches(written.shuffled_chunks(3), 500, seed=3, **CUT).repeat(2)

    steps = batching.batch_count(written.chunks(), 500, **CUT)
    whole = list(epochs())
    assert len(whole) == 2 * steps
    assert [len(context) for context, _ in whole[:steps]] != [
        len(context) for context, _ in whole[steps:]
    ]
    shares = [list(batching.shares(epochs(), range(own, own + 1), 2)) for own in range(2)]
    for (context, _), (one, _), (two, _) in zip(whole, *shares, strict=True):
        rows = np.concatenate([one, two]).tolist()
        assert sorted(rows) == sorted(context.numpy().tolist())
    seen = np.concatenate([context[:, 0] for context, _ in whole[:steps]])
    assert len(seen) == 2 * 6000  # in both directions


def test_no_window_makes_no_shard(tmp_path: Path) -> None:
    written = write_shards(_chunks(_windows(0)), str(tmp_path), 1, 3)
    assert written.files == ()
    assert list(written.chunks()) == list(written.shuffled_chunks(1)) == []


def test_a_shard_has_a_bucket_at_least(tmp_path: Path) -> None:
    assert len(write_shards(_chunks(_windows()), str(tmp_path), 2**-20, 3).files) == 64


def test_a_full_disk_is_named_with_how_to_fix_it() -> None:
    full = Path("/dev/full")  # every write to it fails
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards.os.path, "join", lambda *_: str(full))
        with pytest.raises(OSError, match=r"no space left in (.|\n)*TMPDIR") as caught:
            write_shards(_chunks(_windows()), "folder", 1, 3)
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_shards(_chunks(_windows()), str(tmp_path / "nowhere"), 1, 3)
