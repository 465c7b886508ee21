"""Reads the item vocabulary that Transform writes, and determines the catalogue."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import IntArray
from modules.config.options.features import FeatureOptions
from modules.data.item_indices import FIRST_ITEM
from modules.sessions.item_ids import RESERVED_TOKENS, from_vocabulary

VOCABULARY_NAME = "item_ids"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Items of the training data by descending frequency.

    Attributes:
      item_ids: raw ids, bytes, `[items]`; row i has item_index `i + FIRST_ITEM`.
      counts: training events of each item, int64 `[items]`.
      catalogue_size: number of items, the most frequent, that can be recommended.
    """

    item_ids: npt.NDArray[np.object_]
    counts: IntArray
    catalogue_size: int


def catalogue_size(counts: IntArray, options: FeatureOptions) -> int:
    """Returns how many of the items, sorted by descending `counts`, enter the catalogue.

    Raises:
      ValueError: no item is frequent enough.
    """
    frequent = int(np.count_nonzero(counts >= options.min_item_count))
    size = min(frequent, options.max_catalogue or frequent)
    if not len(counts):
        raise ValueError(
            "the catalogue is empty: Transform's vocabulary has no item. Do the Examples of its "
            "splits have item_ids?"
        )
    if size == 0:
        raise ValueError(
            f"the catalogue is empty: none of {len(counts)} items has min_item_count="
            f"{options.min_item_count} events, the most frequent one has {counts[0]}. "
            "Lower features.min_item_count."
        )
    return size


def read_vocabulary(path: str | os.PathLike[str], options: FeatureOptions) -> Vocabulary:
    """Reads a vocabulary file of Transform, one `count item_id` per line, reserved tokens first.

    Raises:
      ValueError: the file does not start with the reserved tokens, or no item is frequent enough.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    lines = io.BytesIO(content)
    first = itertools.islice(lines, FIRST_ITEM)
    reserved = tuple(_count_and_id(line)[1].decode() for line in first)
    if reserved != RESERVED_TOKENS:
        raise ValueError(f"{path} must start with {RESERVED_TOKENS}, found {reserved}")
    items = content.count(b"\n") + (not content.endswith(b"\n")) - FIRST_ITEM
    del content
    counts, item_ids = np.zeros(items, np.int64), np.empty(items, object)
    for row, line in enumerate(lines):
        count, item_id = _count_and_id(line)
        counts[row], item_ids[row] = int(count), from_vocabulary(item_id)
    return Vocabulary(item_ids, counts, catalogue_size(counts, options))


def _count_and_id(line: bytes) -> tuple[bytes, bytes]:
    count, _, item_id = line.removesuffix(b"\n").partition(b" ")
    return count, item_id
