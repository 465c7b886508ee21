"""Training batches from Transform's TFRecords: length-sorted, reshuffled in every epoch.

One path serves small and large data. Windows come in chunks: all of them when they fit into
memory, in an order of their own, so that a fit does not depend on that of the Examples on disk
(which moves Recall@20 by .002); else a few thousand records at a time, as they come. Inside a
chunk, windows are sorted by length with random order among equals and cut into batches of about
equally many targets, so that little padding is computed (16.6k -> 52.6k targets/s in the prototype)
and no batch is ever frozen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules.data.vocabulary import PADDING
from modules.preprocessing import CONTEXT, TARGET

_RECORDS_PER_PARSE = 4096
_AUTOTUNE = tf.data.AUTOTUNE

Windows = tuple[tf.Tensor, tf.Tensor]


def parse_windows(serialized: tf.Tensor, max_context: int) -> Windows:
    """Parses a batch of transformed Examples.

    Args:
      serialized: tf.Examples with the two features of Transform, string `[records]`.
      max_context: window length that Transform wrote.

    Returns:
      context and target, int32 `[windows, max_context]`, right-padded with 0.
    """
    names = (CONTEXT, TARGET)
    spec = {name: tf.io.VarLenFeature(tf.int64) for name in names}
    parsed = tf.io.parse_example(serialized, spec)
    context, target = (
        tf.reshape(tf.cast(parsed[name].values, tf.int32), [-1, max_context]) for name in names
    )
    return context, target


def window_chunks(files: Sequence[str], max_context: int) -> tf.data.Dataset:
    """Streams windows of Transform's gzipped TFRecords, a few thousand records at a time.

    Returns:
      A dataset of (context, target), int32 `[windows, max_context]`.
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
      chunks: dataset of (context, target) windows.
    """
    sums, windows = np.zeros(2, np.uint64), 0
    for parts in chunks.as_numpy_iterator():
        rows = np.concatenate(parts, axis=1).astype(np.uint64)
        factors = hashlib.shake_128(b"windows").digest(16 * rows.shape[1])
        hashes = rows @ np.frombuffer(factors, np.uint64).reshape(-1, 2)
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
            hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
        sums += hashes.sum(axis=0, dtype=np.uint64)
        windows += len(rows)
    return f"{windows} {sums.tobytes().hex()}"


def in_one_chunk(chunks: tf.data.Dataset, memory_limit_mb: int) -> tf.data.Dataset:
    """Joins all chunks into one that stays in memory, or returns them as they are if too large.

    Windows are sorted by their content: equal sets of windows make equal datasets.

    Args:
      chunks: dataset of (context, target).
      memory_limit_mb: largest size of the joined windows in MiB.
    """
    parts, size = [], 0
    for context, target in chunks:
        size += 2 * context.dtype.size * int(tf.size(context))
        if size > memory_limit_mb * 2**20:
            return chunks
        parts.append((context, target))
    if not parts:
        return chunks
    context, target = (tf.concat(tensors, axis=0) for tensors in zip(*parts, strict=True))
    # The last key is the first one that counts.
    order = np.lexsort([*target.numpy().T[::-1], *context.numpy().T[::-1]])
    return tf.data.Dataset.from_tensors((tf.gather(context, order), tf.gather(target, order)))


def window_items(context: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the items of each window in order, int32 `[windows, max_context + 1]`.

    Args:
      context: int32 `[windows, max_context]`.
      target: int32 `[windows, max_context]`, with targets at every step or at the last one only.
    """
    following = tf.pad(context[:, 1:], [[0, 0], [0, 1]])
    return tf.concat([context[:, :1], tf.where(following > 0, following, target)], axis=1)


def keep_items(context: tf.Tensor, target: tf.Tensor, kept: tf.Tensor) -> Windows:
    """Drops items from windows as if they had never been seen; too short windows vanish.

    Args:
      context: int32 `[windows, max_context]`.
      target: int32 `[windows, max_context]`.
      kept: bool `[item_indices]`.

    Returns:
      context and target, int32 `[at most windows, max_context]`. Where the last item alone is a
      target and is dropped, the one before it becomes the target.
    """
    items = window_items(context, target)
    every_step = target[:, 0] > 0  # else at the last one alone; a window of one step is both
    items = tf.ragged.boolean_mask(items, tf.gather(kept, items) & (items > 0))
    has_step = items.row_lengths() > 1
    items = tf.ragged.boolean_mask(items, has_step)
    every_step = tf.boolean_mask(every_step, has_step)
    steps = context.shape[1]
    context = items[:, :-1].to_tensor(PADDING, shape=[None, steps])
    following = items[:, 1:].to_tensor(PADDING, shape=[None, steps])
    is_last = tf.equal(tf.range(steps, dtype=tf.int64), items.row_lengths()[:, None] - 2)
    return context, tf.where(every_step[:, None] | is_last, following, PADDING)


def add_reversed(context: tf.Tensor, target: tf.Tensor) -> Windows:
    """Appends every window in reverse order of its items.

    Args:
      context: int32 `[windows, max_context]`.
      target: int32 `[windows, max_context]`, with targets at every step or at the last one only.

    Returns:
      context and target of twice as many windows, with targets at the same steps.
    """
    steps = _lengths(context)
    backwards = tf.reverse_sequence(window_items(context, target), steps + 1, seq_axis=1)
    is_step = tf.sequence_mask(steps, tf.shape(target)[1])
    reversed_context = tf.where(is_step, backwards[:, :-1], 0)
    reversed_target = tf.where(target > 0, backwards[:, 1:], 0)
    return tf.concat([context, reversed_context], 0), tf.concat([target, reversed_target], 0)


def length_sorted_batches(
    context: tf.Tensor, target: tf.Tensor, batch_targets: int, seed: tf.Tensor
) -> tf.data.Dataset:
    """Cuts a chunk into batches of windows of about equal length, in random order.

    Args:
      context: int32 `[windows, max_context]`.
      target: int32 `[windows, max_context]`; 0 where a step has no target.
      batch_targets: targets a batch, about; a single window may hold more.
      seed: int64 scalar; another seed gives other batches.

    Returns:
      A dataset of (context, target), int32 `[batch, longest window of the batch]`.
    """
    lengths = _lengths(context)
    windows = tf.size(lengths)
    noise = tf.random.stateless_uniform([windows], tf.stack([seed, 0]))
    order = tf.argsort(tf.cast(lengths, tf.float32) + noise)
    targets = tf.math.count_nonzero(tf.gather(target, order), axis=1)
    batch_of_window = (tf.cumsum(targets) - targets) // batch_targets
    sizes = tf.math.bincount(tf.cast(batch_of_window, tf.int32))
    batches = tf.RaggedTensor.from_row_lengths(order, sizes[sizes > 0])
    batch_order = tf.argsort(tf.random.stateless_uniform([batches.nrows()], tf.stack([seed, 1])))

    def gather_batch(index: tf.Tensor) -> Windows:
        rows = batches[index]
        longest = tf.reduce_max(tf.gather(lengths, rows))
        return tf.gather(context, rows)[:, :longest], tf.gather(target, rows)[:, :longest]

    return tf.data.Dataset.from_tensor_slices(batch_order).map(
        gather_batch, num_parallel_calls=_AUTOTUNE
    )


def training_batches(
    chunks: tf.data.Dataset, batch_targets: int, reversed_sessions: bool, seed: int
) -> tf.data.Dataset:
    """Makes the batches of one epoch; iterating again gives another epoch's batches.

    Args:
      chunks: dataset of (context, target) windows.
      batch_targets: targets a batch, about.
      reversed_sessions: add every window in reverse order.
      seed: of the order.

    Returns:
      A dataset of (context, target), int32 `[batch, longest window of the batch]`.
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)

    def batches_of_chunk(windows: Windows, chunk_seed: tf.Tensor) -> tf.data.Dataset:
        context, target = add_reversed(*windows) if reversed_sessions else windows
        return length_sorted_batches(context, target, batch_targets, chunk_seed)

    return tf.data.Dataset.zip((chunks, seeds)).flat_map(batches_of_chunk).prefetch(_AUTOTUNE)


def evaluation_batches(chunks: tf.data.Dataset, batch_targets: int) -> tf.data.Dataset:
    """Makes batches in a fixed order, each window once."""
    return chunks.flat_map(
        lambda context, target: length_sorted_batches(
            context, target, batch_targets, tf.constant(0, tf.int64)
        )
    ).prefetch(_AUTOTUNE)


def sampled_windows(chunks: tf.data.Dataset, targets: int) -> tf.data.Dataset:
    """Draws windows at random, the same ones every time; all of them where they are few enough.

    Args:
      chunks: dataset of (context, target) windows.
      targets: about how many the drawn windows hold together.
    """
    found = int(
        chunks.reduce(
            tf.constant(0, tf.int64),
            lambda count, windows: count + tf.math.count_nonzero(windows[1]),
        )
    )
    if found <= targets:
        return chunks
    share = targets / found

    def draw(number: tf.Tensor, windows: Windows) -> Windows:
        context, target = windows
        drawn = tf.random.stateless_uniform(tf.shape(context)[:1], [0, number]) < share
        return tf.boolean_mask(context, drawn), tf.boolean_mask(target, drawn)

    return chunks.enumerate().map(draw)


def item_counts(chunks: tf.data.Dataset, item_indices: int) -> tf.Tensor:
    """Counts the events of every item in the windows.

    Args:
      chunks: dataset of (context, target) windows.
      item_indices: number of item indices, reserved ones included.

    Returns:
      int64 `[item_indices]`; 0 for padding. An item at the seam of two windows of a long session
      counts twice.
    """

    def add(counts: tf.Tensor, windows: Windows) -> tf.Tensor:
        items = window_items(*windows)
        return counts + tf.math.bincount(
            items, minlength=item_indices, maxlength=item_indices, dtype=tf.int64
        )

    counts = chunks.reduce(tf.zeros([item_indices], tf.int64), add)
    return tf.tensor_scatter_nd_update(counts, [[PADDING]], [tf.constant(0, tf.int64)])


def _lengths(indices: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(indices, axis=1, dtype=tf.int32)
