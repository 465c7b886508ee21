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
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from modules.array_types import IntArray
from modules.tf_datasets import without_autotuning

# Their number must be known before that of the windows is. Some of them are then joined to a shard.
_BUCKETS = 1024
_BYTES_PER_WRITE = 64 * 2**20
_ITEM_BYTES = 4


class Shards(NamedTuple):
    """Files of windows, each a random sample of all windows.

    A row of a file is a window, int32, and then the weights of its items, float32, if there are
    any.

    Attributes:
      files: paths on this machine.
      length: items of a window.
      weighted: whether events have weights.
    """

    files: tuple[str, ...]
    length: int
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
        columns = self.length * (1 + self.weighted)

        def read(name: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
            rows = tf.reshape(tf.io.decode_raw(tf.io.read_file(name), tf.int32), [-1, columns])
            if not self.weighted:
                return rows
            return rows[:, : self.length], tf.bitcast(rows[:, self.length :], tf.float32)

        return names.map(read).prefetch(1)  # the next one is read while one is trained on


def write_shards(chunks: tf.data.Dataset, folder: str, shard_mb: float, seed: int) -> Shards:
    """Writes windows into shards, each into one that is drawn at random.

    Args:
      chunks: dataset of windows, int32 `[windows, length]`, or of pairs of windows and the weights
        of their items, float32; read once.
      folder: local folder for the shards; they take 4 bytes of an item and 4 of a weight, padding
        included.
      shard_mb: size of a shard, about, in MiB.
      seed: random seed of the draw.

    Raises:
      OSError: the disk is full; the message says how to fix it.
    """
    spec = tf.nest.flatten(chunks.element_spec)
    length, weighted = int(spec[0].shape[1]), len(spec) > 1
    random = np.random.default_rng(seed)
    buckets = [os.path.join(folder, f"bucket-{number}") for number in range(_BUCKETS)]
    sizes = np.zeros(_BUCKETS, np.int64)
    try:
        for rows in _blocks(chunks):
            drawn = random.integers(_BUCKETS, size=len(rows))
            held = np.bincount(drawn, minlength=_BUCKETS)
            parts = np.split(rows[np.argsort(drawn, kind="stable")], np.cumsum(held)[:-1])
            for bucket in np.flatnonzero(held):
                with open(buckets[bucket], "ab") as file:
                    file.write(parts[bucket].tobytes())
            sizes += held * rows.shape[1] * _ITEM_BYTES
        files = _joined(buckets, sizes, int(shard_mb * 2**20), folder)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(errno.ENOSPC, _disk_full(folder, int(sizes.sum()))) from error
    return Shards(tuple(files), length, weighted)


def _blocks(chunks: tf.data.Dataset) -> Iterator[IntArray]:
    """Yields rows of some chunks at a time: weights beside their windows, as int32."""
    rows: list[IntArray] = []
    for chunk in chunks.as_numpy_iterator():
        parts: list[Any] = tf.nest.flatten(chunk)
        rows.append(np.concatenate([part.view("<i4") for part in parts], axis=1))
        if sum(part.nbytes for part in rows) >= _BYTES_PER_WRITE:
            yield np.concatenate(rows)
            rows.clear()
    if rows:
        yield np.concatenate(rows)


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
        "already: they exceed trainer.memory_limit_mb and are kept there, 4 bytes of an item. Free "
        "some space, name a larger disk by the environment variable TMPDIR, or raise "
        "trainer.memory_limit_mb"
    )
