"""Training batches from Transform's TFRecords: length-sorted, reshuffled in every epoch.

Windows come in chunks: all of them if they fit into memory, in a canonical order, so that training
does not depend on the order of Examples on disk (which moves Recall@20 by .002); else random
samples of them (`modules.data.shards`), or to evaluate on and to count, a few thousand records at a
time. Inside a chunk, windows are sorted by length, in random order among
equals, and cut into batches of about equally many targets, so that little padding is computed
(16.6k -> 52.6k targets/s in the prototype) and batches differ in every epoch.

A window has the items of a session, or of a part of a long one. Cutting its batch makes them a
context and its targets, one at every step or, with `targets="last"`, at the last one.

If events have weights, a chunk to train on is a pair: windows, and the weights of their items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import BoolArray, IntArray
from modules.data.item_indices import PADDING
from modules.data.windowing import FEATURE, WEIGHT_FEATURE, keep_values
from modules.tf_datasets import without_autotuning

_RECORDS_PER_PARSE = 4096
_AUTOTUNE = tf.data.AUTOTUNE

Batch = tuple[tf.Tensor, tf.Tensor]
"""Context and target, int32 `[batch, steps]`; target 0 means none."""
Chunk: TypeAlias = tf.RaggedTensor | tuple[tf.RaggedTensor, tf.RaggedTensor]
"""Windows, int32 `[windows, (items)]`, and the weights of their items, float32, if they have any.

They are not padded, since most are far shorter than the longest ones.
"""


def parse_windows(serialized: tf.Tensor, max_context: int) -> tf.RaggedTensor:
    """Parses a batch of transformed Examples.

    Args:
      serialized: tf.Examples with Transform's feature, string `[records]`.
      max_context: maximum number of steps in a window.

    Returns:
      Item indices, int32 `[windows, (items)]`: two to `max_context + 1` items each.
    """
    return _without_padding(_parsed(serialized, FEATURE, tf.int64), max_context)


def parse_weighted_windows(
    serialized: tf.Tensor, max_context: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Parses windows as `parse_windows` does, with the weights of their items, float32."""
    items = _parsed(serialized, FEATURE, tf.int64)
    weights = _parsed(serialized, WEIGHT_FEATURE, tf.float32)
    windows = _without_padding(items, max_context)
    return windows, windows.with_values(tf.boolean_mask(weights, items != PADDING))


def _without_padding(items: tf.Tensor, max_context: int) -> tf.RaggedTensor:
    """Returns padded windows, one after the other in `items`, as ragged rows, int32."""
    lengths = tf.math.count_nonzero(tf.reshape(items, [-1, max_context + 1]), axis=1)
    items = tf.cast(tf.boolean_mask(items, items != PADDING), tf.int32)
    return tf.RaggedTensor.from_row_lengths(items, lengths, validate=False)


def _parsed(serialized: tf.Tensor, name: str, dtype: tf.DType) -> tf.Tensor:
    """Returns the padded values of a feature in all Examples, one after the other."""
    return tf.io.parse_example(serialized, {name: tf.io.VarLenFeature(dtype)})[name].values


def window_chunks(
    files: Sequence[str], max_context: int, weighted: bool = False
) -> tf.data.Dataset:
    """Streams chunks of Transform's TFRecords.

    Args:
      files: the files.
      max_context: maximum number of steps in a window.
      weighted: whether events have weights, which a chunk then has too.

    Returns:
      A dataset of chunks: windows, or pairs of windows and weights.
    """
    parse = parse_weighted_windows if weighted else parse_windows
    # One file after the other: parallel reads interleave single records and took 7 times as long.
    records = without_autotuning(tf.data.TFRecordDataset(list(files), compression_type="GZIP"))
    return records.batch(_RECORDS_PER_PARSE).map(
        lambda serialized: parse(serialized, max_context), num_parallel_calls=_AUTOTUNE
    )


def _split(chunk: Chunk) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
    """Returns a chunk's windows, and its weights if there are any."""
    return chunk if isinstance(chunk, tuple) else (chunk, None)


def windows_alone(chunks: tf.data.Dataset) -> tf.data.Dataset:
    """Returns chunks without weights."""
    if not isinstance(chunks.element_spec, tuple):
        return chunks
    return chunks.map(lambda windows, _: windows, num_parallel_calls=_AUTOTUNE)


def windows_digest(chunks: tf.data.Dataset) -> str:
    """Returns a digest of the chunks in a dataset, whatever their order and serialization.

    Transform serializes the same windows differently each time, as features of an Example have no
    order. The hashes of the windows are added up.
    """
    sums, count = np.zeros(2, np.uint64), 0
    for chunk in chunks:
        windows, weights = _split(chunk)
        hashes = _hashes(windows, windows.values.numpy(), b"windows")
        if weights is not None:
            hashes += _hashes(windows, weights.values.numpy().view(np.int32), b"weights")
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
            hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
        sums += hashes.sum(axis=0, dtype=np.uint64)
        count += len(hashes)
    return f"{count} {sums.tobytes().hex()}"


def _hashes(windows: tf.RaggedTensor, values: IntArray, seed: bytes) -> npt.NDArray[np.uint64]:
    """Returns the sums of each window's values times random numbers of their places, `[.., 2]`."""
    starts, lengths = windows.row_starts().numpy(), windows.row_lengths().numpy()
    if not len(starts):
        return np.zeros((0, 2), np.uint64)
    place = np.arange(len(values)) - np.repeat(starts, lengths)
    factors = hashlib.shake_128(seed).digest(16 * int(lengths.max()))
    factor = np.frombuffer(factors, np.uint64).reshape(-1, 2)[place]
    return np.add.reduceat(values.astype(np.uint64)[:, None] * factor, starts)


def in_one_chunk(chunks: tf.data.Dataset, memory_limit_mb: int) -> tf.data.Dataset:
    """Joins all chunks into one, sorted by content, unless it exceeds a limit in MiB."""
    parts, size = [], 0
    for chunk in chunks:
        tensors = tf.nest.flatten(chunk, expand_composites=True)
        size += sum(part.dtype.size * int(tf.size(part)) for part in tensors)
        if size > memory_limit_mb * 2**20:
            return chunks
        parts.append(chunk)
    if not parts:
        return chunks
    joined = tf.nest.map_structure(lambda *same: tf.concat(same, axis=0), *parts)
    parts.clear()  # as large as what they were joined to
    order = _order(*_split(joined))
    chunk = tf.nest.map_structure(lambda part: tf.gather(part, order), joined)
    return without_autotuning(tf.data.Dataset.from_tensors(chunk))


def _order(windows: tf.RaggedTensor, weights: tf.RaggedTensor | None) -> IntArray:
    """Sorts windows by their contexts, then by the item after them, then by weights.

    Batches, and so the model and its metrics, depend on this order. Of two contexts that begin
    alike, the shorter one comes first.
    """
    starts, lengths = windows.row_starts().numpy(), windows.row_lengths().numpy()
    items, steps, longest = windows.values.numpy(), lengths - 1, int(lengths.max(initial=0))
    order = np.arange(len(starts))
    # Each sort keeps the order of the former ones among equals: the last one counts most.
    if weights is not None:
        values = weights.values.numpy()
        for place in range(longest):
            order = _sorted_by(values, starts + place, lengths > place, order)
    order = _sorted_by(items, starts + steps, lengths > steps, order)
    for place in reversed(range(longest - 1)):
        order = _sorted_by(items, starts + place, steps > place, order)
    return order


def _sorted_by(
    values: npt.NDArray[Any], places: IntArray, has_value: BoolArray, order: IntArray
) -> IntArray:
    """Sorts windows by one value of each; those without one come first.

    Args:
      values: values of all windows, `[events]`.
      places: place of each window's value, `[windows]`.
      has_value: whether a window has one, `[windows]`.
      order: windows in an order, which equals keep.
    """
    is_sorted = has_value[order]
    rows = order[is_sorted]
    by_value = np.argsort(values[places[rows]], kind="stable")
    return np.concatenate([order[~is_sorted], rows[by_value]])


def keep_items(windows: tf.RaggedTensor, kept: tf.Tensor) -> tf.RaggedTensor:
    """Drops items from windows, and then windows without a step.

    Args:
      windows: int32 `[windows, (items)]`.
      kept: bool `[item_indices]`.

    Returns:
      int32 `[at most windows, (items)]`.
    """
    items = keep_values(windows, tf.gather(kept, windows.values))
    return tf.ragged.boolean_mask(items, items.row_lengths() > 1)


def add_reversed(chunk: Chunk) -> Chunk:
    """Appends every window in reverse order of its items, `[2 * windows, (items)]`."""
    return tf.nest.map_structure(
        lambda part: tf.concat([part, tf.reverse(part, axis=[1])], axis=0), chunk
    )


def cut_steps(windows: tf.Tensor, targets: str) -> Batch:
    """Cuts windows, int32 `[batch, steps + 1]`, of at least two items into contexts and targets.

    Args:
      windows: item indices, right-padded with 0.
      targets: steps with a target, `all` or `last`.
    """
    target = windows[:, 1:]
    context = tf.where(target != PADDING, windows[:, :-1], PADDING)
    if targets == "last":
        step = tf.range(tf.shape(target)[1])
        steps = tf.math.count_nonzero(windows, axis=1, dtype=tf.int32) - 1
        target = tf.where(step == steps[:, None] - 1, target, PADDING)
    return context, target


def length_sorted_batches(
    chunk: Chunk, batch_targets: int, targets: str, seed: tf.Tensor
) -> tf.data.Dataset:
    """Cuts a chunk into batches of windows of about equal length, in random order.

    Args:
      chunk: windows, and weights if events have any.
      batch_targets: targets per batch, about; a single window may have more.
      targets: steps with a target, `all` or `last`.
      seed: random seed, int64 scalar.

    Returns:
      A dataset of (context, target), int32 `[batch, maximum steps in the batch]`; with weights, of
      (context, target, weight), the last float32 of the same shape: the weight of each target.
    """
    windows, weights = _split(chunk)
    steps = _steps(windows)
    noise = tf.random.stateless_uniform([tf.size(steps)], tf.stack([seed, 0]))
    order = tf.argsort(tf.cast(steps, tf.float32) + noise)
    held = tf.gather(_target_counts(windows, targets), order)
    batch_of_window = (tf.cumsum(held) - held) // batch_targets
    sizes = tf.math.bincount(tf.cast(batch_of_window, tf.int32))
    batches = tf.RaggedTensor.from_row_lengths(order, sizes[sizes > 0])
    batch_order = tf.argsort(tf.random.stateless_uniform([batches.nrows()], tf.stack([seed, 1])))

    def gather_batch(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows = batches[index]
        context, target = cut_steps(_padded(windows, rows), targets)
        if weights is None:
            return context, target
        return context, target, _padded(weights, rows)[:, 1:]

    return tf.data.Dataset.from_tensor_slices(batch_order).map(
        gather_batch, num_parallel_calls=_AUTOTUNE
    )


def training_batches(
    chunks: tf.data.Dataset, batch_targets: int, *, targets: str, reversed_sessions: bool, seed: int
) -> tf.data.Dataset:
    """Returns a dataset of an epoch's batches; iterating again gives those of another epoch.

    Args:
      chunks: dataset of windows, or of pairs of windows and weights.
      batch_targets: as for `length_sorted_batches`.
      targets: as for `length_sorted_batches`.
      reversed_sessions: whether to add every window in reverse order.
      seed: random seed of the order.
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)

    def batches_of_chunk(chunk: Chunk, chunk_seed: tf.Tensor) -> tf.data.Dataset:
        chunk = add_reversed(chunk) if reversed_sessions else chunk
        return length_sorted_batches(chunk, batch_targets, targets, chunk_seed)

    return tf.data.Dataset.zip((chunks, seeds)).flat_map(batches_of_chunk).prefetch(_AUTOTUNE)


def batch_count(
    chunks: tf.data.Dataset, batch_targets: int, *, targets: str, reversed_sessions: bool
) -> int:
    """Returns the number of batches that `training_batches` has in every epoch."""
    seed = tf.constant(0, tf.int64)

    def count(total: tf.Tensor, chunk: Chunk) -> tf.Tensor:
        chunk = add_reversed(chunk) if reversed_sessions else chunk
        return total + length_sorted_batches(chunk, batch_targets, targets, seed).cardinality()

    return int(chunks.reduce(tf.constant(0, tf.int64), count))


def shares(batches: tf.data.Dataset, replicas: range, of: int) -> tf.data.Dataset:
    """Returns the shares that some replicas have of each batch: every n-th window of n replicas.

    Args:
      batches: dataset of (context, target), or of (context, target, weight).
      replicas: the replicas, which get their shares in turns.
      of: number of all replicas.

    Returns:
      A dataset of the same types. A replica without any window gets one without a target.
    """

    def share(batch: tuple[tf.Tensor, ...], replica: tf.Tensor) -> tuple[tf.Tensor, ...]:
        context, target, *weight = batch
        windows = tf.shape(context, tf.int64)[0]
        rows = tf.range(replica, tf.maximum(windows, replica + 1), of)
        context, target, *weight = (tf.gather(part, rows % windows) for part in batch)
        target = tf.where((rows < windows)[:, None], target, PADDING)
        return context, target, *weight

    def of_batch(*batch: tf.Tensor) -> tf.data.Dataset:
        own = tf.data.Dataset.range(replicas.start, replicas.stop, replicas.step)
        return own.map(lambda replica: share(batch, replica))

    return batches.flat_map(of_batch).prefetch(_AUTOTUNE)


def evaluation_batches(
    chunks: tf.data.Dataset, batch_targets: int, targets: str
) -> tf.data.Dataset:
    """Returns batches in a fixed order; arguments as for `training_batches`."""
    seed = tf.constant(0, tf.int64)
    return chunks.flat_map(
        lambda windows: length_sorted_batches(windows, batch_targets, targets, seed)
    ).prefetch(_AUTOTUNE)


def sampled_windows(chunks: tf.data.Dataset, enough: int, targets: str) -> tf.data.Dataset:
    """Samples windows, the same ones every time.

    Args:
      chunks: dataset of windows.
      enough: number of targets in the sample, about; all windows are returned if they have fewer.
      targets: steps with a target, `all` or `last`.
    """
    counts = chunks.map(lambda windows: tf.reduce_sum(_target_counts(windows, targets)))
    found = int(counts.reduce(tf.constant(0, tf.int64), tf.add))
    if found <= enough:
        return chunks
    share = enough / found

    def draw(number: tf.Tensor, windows: tf.RaggedTensor) -> tf.RaggedTensor:
        drawn = tf.random.stateless_uniform([windows.nrows()], [0, number]) < share
        return tf.ragged.boolean_mask(windows, drawn)

    return chunks.enumerate().map(draw)


def item_counts(chunks: tf.data.Dataset, item_indices: int) -> tf.Tensor:
    """Counts the events of every item in the windows.

    Args:
      chunks: dataset of windows.
      item_indices: number of item indices, including reserved ones.

    Returns:
      int64 `[item_indices]`; 0 for padding. An item where two windows of a session overlap counts
      twice.
    """

    def add(counts: tf.Tensor, windows: tf.RaggedTensor) -> tf.Tensor:
        return counts + tf.math.bincount(
            windows.values, minlength=item_indices, maxlength=item_indices, dtype=tf.int64
        )

    return chunks.reduce(tf.zeros([item_indices], tf.int64), add)


def _padded(sequences: tf.RaggedTensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns some rows, `[rows, longest]`, right-padded with 0.

    `tf.gather` of a ragged tensor takes time in proportion to all of it.
    """
    starts = tf.gather(sequences.row_splits, rows)
    lengths = tf.gather(sequences.row_splits, rows + 1) - starts
    place = tf.range(tf.reduce_max(lengths))
    is_item = place < lengths[:, None]
    values = tf.gather(sequences.values, tf.where(is_item, starts[:, None] + place, 0))
    return tf.where(is_item, values, tf.constant(PADDING, values.dtype))


def _steps(windows: tf.RaggedTensor) -> tf.Tensor:
    """Returns the number of steps in each window, int64 `[windows]`: one less than its items."""
    return windows.row_lengths() - 1


def _target_counts(windows: tf.RaggedTensor, targets: str) -> tf.Tensor:
    """Returns the number of targets in each window, int64 `[windows]`."""
    steps = _steps(windows)
    return tf.ones_like(steps) if targets == "last" else steps
