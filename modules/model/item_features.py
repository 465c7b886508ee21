"""Properties of items, such as their category, as learned parts of their vectors; NumPy only.

Most items have too few events to learn a vector from, but many share a category. A value adds a
learned vector to all items that have it; several values of one column add their mean.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modules.data.item_indices import FIRST_ITEM
from modules.messages.counting import counted

LEAST_ITEMS = 2
"""Items that a value must have: a part of one item alone adds nothing to its own vector."""
MOST_PER_ITEM = 8
"""Values of an item in one column that count: those of most items."""
MOST_VALUES = 100_000
"""Values of one column that count: those of most items."""


class ItemFeatures(NamedTuple):
    """The values of each item, as rows of a table of learned vectors, whose row 0 is unused.

    Attributes:
      values: column and value of each row from 1 on.
      rows: rows of each item, int32 `[item_indices, slots]`; 0 where there are fewer.
      weight: float32 `[item_indices, slots]`; 1 / number of the item's values in that column, 0
        where there is no value.
    """

    values: tuple[tuple[str, str], ...]
    rows: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]

    def digest(self) -> str:
        """Returns a digest of everything."""
        content = hashlib.sha256(repr(self.values).encode())
        for part in (self.rows, self.weight):
            content.update(np.ascontiguousarray(part).tobytes())
        return content.hexdigest()


def encode(columns: Mapping[str, Sequence[Sequence[str]]]) -> ItemFeatures:
    """Returns the features of items.

    Args:
      columns: values of each item, in the model's order and without reserved tokens, by column.
    """
    chosen = ((name, value) for name, found in columns.items() for value in _frequent(found))
    values = tuple(chosen)
    parts = [_slots(_numbers(values, name), found) for name, found in columns.items()]
    reserved = ((FIRST_ITEM, 0), (0, 0))
    rows = np.pad(np.concatenate([rows for rows, _ in parts], axis=1), reserved)
    weight = np.pad(np.concatenate([weight for _, weight in parts], axis=1), reserved)
    return ItemFeatures(values, rows, weight)


def describe(columns: Mapping[str, Sequence[Sequence[str]]], features: ItemFeatures) -> list[str]:
    """Returns a line for each column: how many values it has, and how many items have one.

    Args:
      columns: what `encode` was called with.
      features: what it returned.
    """
    lines = []
    for column, of_items in columns.items():
        learned = Counter(value for name, value in features.values if name == column)
        has_value = sum(any(value in learned for value in found) for found in of_items)
        others = len({value for found in of_items for value in found}) - len(learned)
        number = counted(len(learned), "value")
        line = f"{column}: {number} of {has_value:,} of {len(of_items):,} items"
        lines.append(line + (f"; {others:,} of one item each or beyond the limits" * bool(others)))
    return lines


def rows_of(
    features: ItemFeatures, column: str, of_items: Sequence[Sequence[str]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Returns rows and weights of other items in one column, `[items, slots]` each.

    Args:
      features: features with the values that have rows.
      column: name of the column.
      of_items: values of each item.
    """
    return _slots(_numbers(features.values, column), of_items)


def _numbers(values: Sequence[tuple[str, str]], column: str) -> dict[str, int]:
    """Returns the row of each value of a column."""
    return {value: row for row, (name, value) in enumerate(values, 1) if name == column}


def _frequent(of_items: Iterable[Sequence[str]]) -> list[str]:
    """Returns the values that count, the most frequent first, ties in alphabetical order."""
    counts = Counter(value for found in of_items for value in {*found})
    often = [(-count, value) for value, count in counts.items() if count >= LEAST_ITEMS]
    return [value for _, value in sorted(often)[:MOST_VALUES]]


def _slots(
    number: Mapping[str, int], of_items: Sequence[Sequence[str]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Returns rows and weights of one column, `[items, slots]`."""
    found = [
        sorted(number[value] for value in {*values} if value in number)[:MOST_PER_ITEM]
        for values in of_items
    ]
    slots = max(1, max(map(len, found), default=1))
    rows = np.zeros((len(found), slots), np.int32)
    weight = np.zeros((len(found), slots), np.float32)
    for item, numbers in enumerate(found):
        rows[item, : len(numbers)] = numbers
        weight[item, : len(numbers)] = 1 / max(1, len(numbers))
    return rows, weight
