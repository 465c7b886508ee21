"""The nearest neighbors of every item among candidate vectors, which an approximate index walks.

Exact for catalogues up to `EXACT` items. Beyond that, an item's neighbors are looked for in the
partitions of items around its own, which takes time proportional to the catalogue, not its square.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

EXACT = 65_536  # the square takes 30 s on two cores
_PARTITION = 1_000  # items of a partition, on average
_SEARCHED = 32  # partitions around an item's own
_ROUNDS = 5  # of k-means
_SAMPLE = 50  # items of a partition that k-means sees
_ROWS = 1_024  # items whose neighbors are looked for at a time

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


def nearest_neighbors(vectors: FloatArray, count: int, seed: int = 0) -> IntArray:
    """Finds the neighbors of every item by cosine, nearest first.

    Args:
      vectors: float32 `[items, dim]`.
      count: neighbors of each; fewer where there are fewer other items.
      seed: of the partitions.

    Returns:
      int32 `[items, min(count, items - 1)]`, positions. An item is no neighbor of its own.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.maximum(length, 1e-12)
    items = len(vectors)
    count = min(count, items - 1)
    found = np.empty((items, count), np.int32)
    for rows, candidates in _searches(directions, seed):
        found[rows] = _nearest(directions, rows, candidates, count)
    return found


def partitions(directions: FloatArray, count: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Parts vectors of length 1 by spherical k-means.

    Args:
      directions: float32 `[items, dim]`.
      count: of partitions, at most as many as items.
      seed: of the sample and of the first centers.

    Returns:
      centers, float32 `[count, dim]`, and the partition of each item, int32 `[items]`.
    """
    draw = np.random.default_rng(seed)
    sample = directions[draw.permutation(len(directions))[: count * _SAMPLE]]
    centers = sample[:count]
    for _ in range(_ROUNDS):
        member_of = _assign(sample, centers)
        sums = tf.math.unsorted_segment_sum(sample, member_of, count).numpy()
        # A center that lost all its items stays where it was.
        sums = np.where(np.bincount(member_of, minlength=count)[:, None] > 0, sums, centers)
        centers = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centers, _assign(directions, centers)


def _assign(directions: FloatArray, centers: FloatArray) -> IntArray:
    """Returns the nearest center of each vector."""
    blocks = range(0, len(directions), _ROWS)
    nearest = [np.argmax(directions[at : at + _ROWS] @ centers.T, axis=1) for at in blocks]
    return np.concatenate(nearest).astype(np.int32)


def _searches(directions: FloatArray, seed: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yields items, a block at a time, and the items among which their neighbors are."""
    items = np.arange(len(directions), dtype=np.int32)
    if len(items) <= EXACT:
        yield from ((items[at : at + _ROWS], items) for at in range(0, len(items), _ROWS))
        return
    centers, member_of = partitions(directions, len(items) // _PARTITION, seed)
    members = np.split(
        np.argsort(member_of, kind="stable").astype(np.int32),
        np.cumsum(np.bincount(member_of, minlength=len(centers)))[:-1],
    )
    around = np.argsort(-(centers @ centers.T), axis=1, kind="stable")[:, :_SEARCHED]
    for own, searched in zip(members, around, strict=True):
        candidates = np.concatenate([members[number] for number in searched])
        yield from ((own[at : at + _ROWS], candidates) for at in range(0, len(own), _ROWS))


def _nearest(directions: FloatArray, rows: IntArray, candidates: IntArray, count: int) -> IntArray:
    """Returns the nearest candidates of each row but itself, int32 `[rows, count]`."""
    scores = tf.linalg.matmul(directions[rows], directions[candidates], transpose_b=True)
    place = tf.math.top_k(scores, min(count + 1, len(candidates))).indices.numpy()
    found = candidates[place]
    # Itself is first, save among equal vectors; where it is not there, the last one goes.
    is_self = found == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(rows), -1)
