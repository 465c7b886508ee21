"""Training batches from Transform's TFRecords: length-sorted, reshuffled in every epoch.

One path serves small and large data. Windows come in chunks: all of them when they fit into
memory, in an order of their own, so that a fit does not depend on that of the Examples on disk
(which moves Recall@20 by .002); else a few thousand records at a time, as they come. Inside a
chunk, windows are sorted by length with random order among equals and cut into batches of about
equally many targets, so that little padding is computed (16.6k -> 52.6k targets/s in the prototype)
and no batch is ever frozen.

A window is the items of a session, or of a part of a long one, until its batch is cut: only there
they become a context and its targets, one at every step or, with `targets="last"`, at the last one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules.array_types import IntArray
from modules.data.vocabulary import PADDING
from modules.preprocessing import WINDOWS

_RECORDS_PER_PARSE = 4096
_AUTOTUNE = tf.data.AUTOTUNE

Batch = tuple[tf.Tensor, tf.Tensor]
"""Context and target, int32 `[batch, steps]`; a step has target 0 where it has none."""


def parse_windows(serialized: tf.Tensor, max_context: int) -> tf.Tensor:
    """Parses a batch of transformed Examples.

    Args:
      serialized: tf.Examples with the feature of Transform, string `[records]`.
      max_context: most steps of a window.

    Returns:
      Item indices, int32 `[windows, max_context + 1]`, right-padded with 0; a window has at least
      two items.
    """
    parsed = tf.io.parse_example(serialized, {WINDOWS: tf.io.VarLenFeature(tf.int64)})
    return tf.reshape(tf.cast(parsed[WINDOWS].values, tf.int32), [-1, max_context + 1])


def window_chunks(files: Sequence[str], max_context: int) -> tf.data.Dataset:
    """Streams windows of Transform's gzipped TFRecords, a few thousand records at a time.

    Returns:
      A dataset of windows, int32 `[windows, max_context + 1]`.
    """
    # One file after the other: parallel reads interleave single records, and took 7 times longer.
    records = tf.data.TFRecordDataset(list(files), compression_type="GZIP")
    return records.batch(_RECORDS_PER_PARSE).map(
        lambda serialized: parse_windows(serialized, max_context), num_parallel_calls=_AUTOTUNE
    )


def windows_digest(chunks: tf.data.Dataset) -> str:
    """Returns a digest of windows, whatever their order and the bytes that hold them.

    Transform writes the same windows in other bytes each time: features of an Example have no
    order. Windows are hashed by themselves, and their hashes added up.

    Args:
      chunks: dataset of windows.
    """
    sums, windows = np.zeros(2, np.uint64), 0
    for rows in chunks.as_numpy_iterator():
        factors = hashlib.shake_128(b"windows").digest(16 * rows.shape[1])
        hashes = rows.astype(np.uint64) @ np.frombuffer(factors, np.uint64).reshape(-1, 2)
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
            hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
        sums += hashes.sum(axis=0, dtype=np.uint64)
        windows += len(rows)
    return f"{windows} {sums.tobytes().hex()}"


def in_one_chunk(chunks: tf.data.Dataset, memory_limit_mb: int) -> tf.data.Dataset:
    """Joins all chunks into one that stays in memory, or returns them as they are if too large.

    Windows are sorted by their content: equal sets of windows make equal datasets.

    Args:
      chunks: dataset of windows.
      memory_limit_mb: largest size of the joined windows in MiB.
    """
    parts, size = [], 0
    for windows in chunks:
        size += windows.dtype.size * int(tf.size(windows))
        if size > memory_limit_mb * 2**20:
            return chunks
        parts.append(windows)
    if not parts:
        return chunks
    joined = tf.concat(parts, axis=0)
    return tf.data.Dataset.from_tensors(tf.gather(joined, _order(joined.numpy())))


def _order(windows: IntArray) -> IntArray:
    """Sorts windows by their contexts, then by the item after them.

    Batches, and with them the model, hang on this order: another one, though as good, gives other
    metrics.
    """
    context = np.where(windows[:, 1:] != PADDING, windows[:, :-1], PADDING)
    last = windows[np.arange(len(windows)), np.count_nonzero(windows, axis=1) - 1]
    return np.lexsort([last, *context.T[::-1]])  # the last key is the first one that counts


def keep_items(windows: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """Drops items from windows as if they had never been seen; too short windows vanish.

    Args:
      windows: int32 `[windows, length]`.
      kept: bool `[item_indices]`.

    Returns:
      int32 `[at most windows, length]`.
    """
    items = tf.ragged.boolean_mask(windows, tf.gather(kept, windows) & (windows != PADDING))
    items = tf.ragged.boolean_mask(items, items.row_lengths() > 1)
    return items.to_tensor(PADDING, shape=[None, windows.shape[1]])


def add_reversed(windows: tf.Tensor) -> tf.Tensor:
    """Appends every window in reverse order of its items, int32 `[2 * windows, length]`."""
    return tf.concat([windows, tf.reverse_sequence(windows, _steps(windows) + 1, seq_axis=1)], 0)


def cut_steps(windows: tf.Tensor, targets: str) -> Batch:
    """Cuts windows, int32 `[batch, steps + 1]`, into contexts and targets.

    Args:
      windows: of at least two items each.
      targets: which steps have one, `all` or `last`.
    """
    target = windows[:, 1:]
    context = tf.where(target != PADDING, windows[:, :-1], PADDING)
    if targets == "last":
        step = tf.range(tf.shape(target)[1])
        target = tf.where(step == _steps(windows)[:, None] - 1, target, PADDING)
    return context, target


def length_sorted_batches(
    windows: tf.Tensor, batch_targets: int, targets: str, seed: tf.Tensor
) -> tf.data.Dataset:
    """Cuts a chunk into batches of windows of about equal length, in random order.

    Args:
      windows: int32 `[windows, length]`.
      batch_targets: targets a batch, about; a single window may hold more.
      targets: which steps have one, `all` or `last`.
      seed: int64 scalar; another seed gives other batches.

    Returns:
      A dataset of (context, target), int32 `[batch, most steps of a window in the batch]`.
    """
    steps = _steps(windows)
    noise = tf.random.stateless_uniform([tf.size(steps)], tf.stack([seed, 0]))
    order = tf.argsort(tf.cast(steps, tf.float32) + noise)
    held = _target_counts(tf.gather(windows, order), targets)
    batch_of_window = (tf.cumsum(held) - held) // batch_targets
    sizes = tf.math.bincount(tf.cast(batch_of_window, tf.int32))
    batches = tf.RaggedTensor.from_row_lengths(order, sizes[sizes > 0])
    batch_order = tf.argsort(tf.random.stateless_uniform([batches.nrows()], tf.stack([seed, 1])))

    def gather_batch(index: tf.Tensor) -> Batch:
        rows = batches[index]
        most_steps = tf.reduce_max(tf.gather(steps, rows))
        return cut_steps(tf.gather(windows, rows)[:, : most_steps + 1], targets)

    return tf.data.Dataset.from_tensor_slices(batch_order).map(
        gather_batch, num_parallel_calls=_AUTOTUNE
    )


def training_batches(
    chunks: tf.data.Dataset,
    batch_targets: int,
    *,
    targets: str,
    reversed_sessions: bool,
    seed: int,
) -> tf.data.Dataset:
    """Makes the batches of one epoch; iterating again gives another epoch's batches.

    Args:
      chunks: dataset of windows.
      batch_targets: targets a batch, about.
      targets: which steps have one, `all` or `last`.
      reversed_sessions: add every window in reverse order.
      seed: of the order.

    Returns:
      As `length_sorted_batches`.
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)

    def batches_of_chunk(windows: tf.Tensor, chunk_seed: tf.Tensor) -> tf.data.Dataset:
        windows = add_reversed(windows) if reversed_sessions else windows
        return length_sorted_batches(windows, batch_targets, targets, chunk_seed)

    return tf.data.Dataset.zip((chunks, seeds)).flat_map(batches_of_chunk).prefetch(_AUTOTUNE)


def evaluation_batches(
    chunks: tf.data.Dataset, batch_targets: int, targets: str
) -> tf.data.Dataset:
    """Makes batches in a fixed order, each window once; arguments as for `training_batches`."""
    seed = tf.constant(0, tf.int64)
    return chunks.flat_map(
        lambda windows: length_sorted_batches(windows, batch_targets, targets, seed)
    ).prefetch(_AUTOTUNE)


def sampled_windows(chunks: tf.data.Dataset, enough: int, targets: str) -> tf.data.Dataset:
    """Draws windows at random, the same ones every time; all of them where they are few enough.

    Args:
      chunks: dataset of windows.
      enough: about how many targets the drawn windows hold together.
      targets: which steps have one, `all` or `last`.
    """
    found = int(
        chunks.reduce(
            tf.constant(0, tf.int64),
            lambda count, windows: count + tf.reduce_sum(_target_counts(windows, targets)),
        )
    )
    if found <= enough:
        return chunks
    share = enough / found

    def draw(number: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        drawn = tf.random.stateless_uniform(tf.shape(windows)[:1], [0, number]) < share
        return tf.boolean_mask(windows, drawn)

    return chunks.enumerate().map(draw)


def item_counts(chunks: tf.data.Dataset, item_indices: int) -> tf.Tensor:
    """Counts the events of every item in the windows.

    Args:
      chunks: dataset of windows.
      item_indices: number of item indices, reserved ones included.

    Returns:
      int64 `[item_indices]`; 0 for padding. An item at the seam of two windows of a long session
      counts twice.
    """

    def add(counts: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        return counts + tf.math.bincount(
            windows, minlength=item_indices, maxlength=item_indices, dtype=tf.int64
        )

    counts = chunks.reduce(tf.zeros([item_indices], tf.int64), add)
    return tf.tensor_scatter_nd_update(counts, [[PADDING]], [tf.constant(0, tf.int64)])


def _steps(windows: tf.Tensor) -> tf.Tensor:
    """Returns the steps of each window, int32 `[windows]`: one less than its items."""
    return tf.math.count_nonzero(windows, axis=1, dtype=tf.int32) - 1


def _target_counts(windows: tf.Tensor, targets: str) -> tf.Tensor:
    """Returns how many targets each window has, int64 `[windows]`."""
    steps = tf.cast(_steps(windows), tf.int64)
    return tf.ones_like(steps) if targets == "last" else steps
