"""Windows beyond memory: shards of them, drawn at random, in uncompressed files on this machine.

Transform's files may be sorted by time or by item, and are compressed. One pass writes each of
their windows into a shard drawn at random, so that a shard is a sample of all of them and small
enough to be shuffled in memory; epochs read nothing else.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from modules.array_types import IntArray
from modules.data.item_indices import PADDING
from modules.tf_datasets import without_autotuning

# Their number must be known before that of the windows is. Some of them are then joined to a shard.
_BUCKETS = 1024
_BYTES_PER_WRITE = 16 * 2**20
_NUMBER_BYTES = 4


class Shards(NamedTuple):
    """Files of windows, each a random sample of all windows.

    A file has the items of one window after the other, int32, with a 0 after each window; beside
    each of these numbers, if events have weights, the item's weight, float32.

    Attributes:
      files: paths on this machine.
      weighted: whether events have weights.
    """

    files: tuple[str, ...]
    weighted: bool

    def chunks(self) -> tf.data.Dataset:
        """Returns a dataset with a chunk per shard, in the same order every time.

        Elements are those of `modules.data.batching.window_chunks`.
        """
        return self._read(without_autotuning(self._names()))

    def shuffled_chunks(self, seed: int) -> tf.data.Dataset:
        """Returns a dataset with a chunk per shard, in another order every time.

        Args:
          seed: random seed of the orders.
        """
        names = without_autotuning(self._names())
        return self._read(names.shuffle(max(1, len(self.files)), seed=seed))

    def _names(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(tf.constant(self.files, tf.string))

    def _read(self, names: tf.data.Dataset) -> tf.data.Dataset:
        def read(name: tf.Tensor) -> tf.RaggedTensor | tuple[tf.RaggedTensor, tf.RaggedTensor]:
            numbers = tf.io.decode_raw(tf.io.read_file(name), tf.int32)
            columns = tf.reshape(numbers, [-1, 1 + self.weighted])
            is_item = columns[:, 0] != PADDING
            # Where it ends among the items alone: its 0 comes after those of all windows before.
            ends = tf.where(~is_item)[:, 0]
            splits = tf.concat([[0], ends - tf.range(tf.size(ends, tf.int64))], axis=0)
            columns = tf.boolean_mask(columns, is_item)
            windows = tf.RaggedTensor.from_row_splits(columns[:, 0], splits, validate=False)
            if not self.weighted:
                return windows
            return windows, windows.with_values(tf.bitcast(columns[:, 1], tf.float32))

        return names.map(read).prefetch(1)  # the next one is read while one is trained on


def write_shards(chunks: tf.data.Dataset, folder: str, shard_mb: float, seed: int) -> Shards:
    """Writes windows into shards, each into one that is drawn at random.

    Args:
      chunks: dataset of windows, int32 `[windows, (items)]`, or of pairs of windows and the weights
        of their items, float32; read once.
      folder: local folder for the shards; they take 4 bytes of an item and 4 of a window, and as
        much again for weights.
      shard_mb: size of a shard, about, in MiB.
      seed: random seed of the draw.

    Raises:
      OSError: the disk is full; the message says how to fix it.
    """
    weighted = isinstance(chunks.element_spec, tuple)
    random = np.random.default_rng(seed)
    buckets = [os.path.join(folder, f"bucket-{number}") for number in range(_BUCKETS)]
    sizes = np.zeros(_BUCKETS, np.int64)
    try:
        for rows, lengths in _blocks(chunks):
            buckets_of = random.integers(_BUCKETS, size=len(lengths), dtype=np.int16)
            drawn = np.repeat(buckets_of, lengths)
            held = np.bincount(drawn, minlength=_BUCKETS)
            parts = np.split(rows[np.argsort(drawn, kind="stable")], np.cumsum(held)[:-1])
            for bucket in np.flatnonzero(held):
                with open(buckets[bucket], "ab") as file:
                    file.write(parts[bucket].tobytes())
            sizes += held * rows.shape[1] * _NUMBER_BYTES
        files = _joined(buckets, sizes, int(shard_mb * 2**20), folder)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(errno.ENOSPC, _disk_full(folder, int(sizes.sum()))) from error
    return Shards(tuple(files), weighted)


def _blocks(chunks: tf.data.Dataset) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields the rows of some chunks' windows at a time, and how many each window has with its end.

    A row is what a file has of an item, or of the end of a window, int32 `[1]`, or `[2]` with
    weights.
    """
    rows: list[IntArray] = []
    lengths: list[IntArray] = []
    for chunk in chunks:
        parts = tf.nest.flatten(chunk)
        columns = [part.values.numpy().view("<i4") for part in parts]
        lengths.append(parts[0].row_lengths().numpy() + 1)
        is_end = np.zeros(lengths[-1].sum(), bool)
        is_end[np.cumsum(lengths[-1]) - 1] = True
        rows.append(np.full((len(is_end), len(columns)), PADDING, "<i4"))
        rows[-1][~is_end] = np.stack(columns, axis=1)
        if sum(part.nbytes for part in rows) >= _BYTES_PER_WRITE:
            yield np.concatenate(rows), np.concatenate(lengths)
            rows.clear()
            lengths.clear()
    if rows:
        yield np.concatenate(rows), np.concatenate(lengths)


def _joined(buckets: list[str], sizes: IntArray, shard_bytes: int, folder: str) -> list[str]:
    """Joins buckets one after the other to shards of about equal size; returns these."""
    shard_of_bucket = (np.cumsum(sizes) - sizes) // shard_bytes
    files = []
    for number in np.unique(shard_of_bucket[sizes > 0]):
        files.append(os.path.join(folder, f"shard-{number}"))
        with open(files[-1], "wb") as shard:
            for bucket in np.flatnonzero((shard_of_bucket == number) & (sizes > 0)):
                with open(buckets[bucket], "rb") as file:
                    shutil.copyfileobj(file, shard)
                os.remove(buckets[bucket])
    return files


def _disk_full(folder: str, written: int) -> str:
    return (
        f"no space left in {folder}, where {written / 2**20:,.0f} MiB of training windows are "
        "already: they exceed trainer.memory_limit_mb and are kept there, 4 bytes of an "
        "item and of a window. Free some space, name a larger disk by the environment variable "
        "TMPDIR, or raise trainer.memory_limit_mb"
    )
