"""Learned vectors of item features, in a file beside the model, whose graph has their sums alone.

A refresh by clicks gives new items those of their own values, see `modules/copies/new_vectors.py`.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import Float32Array
from modules.data.item_indices import FIRST_ITEM
from modules.model.item_features import ItemFeatures

FILE = os.path.join("assets.extra", "item_features.npz")


class FeatureVectors(NamedTuple):
    """What a model learned of the features of its items.

    Attributes:
      features: values of its items.
      tables: what each value adds in the query tower's table and, if the candidate tower has
        another, in that; float32 `[1 + values, dim]`.
      members: members of the model, whose vectors stand in a row.
      normalize: whether candidate vectors have the length 1.
    """

    features: ItemFeatures
    tables: tuple[Float32Array, ...]
    members: int
    normalize: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that have values."""
        return tuple(dict.fromkeys(name for name, _ in self.features.values))

    def of_catalogue(self, column: str, table: Float32Array) -> Float32Array:
        """Returns what a column's values add to each item of the catalogue, `[catalogue, dim]`."""
        is_of_column = np.array([False, *(name == column for name, _ in self.features.values)])
        rows, weight = self.features.rows[FIRST_ITEM:], self.features.weight[FIRST_ITEM:]
        return weighted_sums(table, rows, np.where(is_of_column[rows], weight, np.float32(0)))


def weighted_sums(
    table: Float32Array, rows: npt.NDArray[np.int32], weight: Float32Array
) -> Float32Array:
    """Returns weighted sums of rows of a table, float32 `[items, dim]`.

    Args:
      table: `[rows, dim]`.
      rows: rows of each item, `[items, slots]`.
      weight: their weights, of the same shape.
    """
    found = np.zeros((len(rows), table.shape[1]), np.float32)
    for slot in range(rows.shape[1]):  # one at a time: all at once are as large as slots tables
        found += weight[:, slot, None] * table[rows[:, slot]]
    return found


def write_feature_vectors(folder: str, found: FeatureVectors) -> None:
    """Writes them into a model's folder, local or at a URI."""
    content = io.BytesIO()
    features = found.features
    np.savez_compressed(
        content,
        values=np.frombuffer(json.dumps(features.values).encode(), np.uint8),
        rows=features.rows,
        weight=features.weight,
        members=found.members,
        normalize=found.normalize,
        **{f"table_{number}": table for number, table in enumerate(found.tables)},
    )
    path = os.path.join(folder, FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content.getvalue())


def read_feature_vectors(folder: str) -> FeatureVectors | None:
    """Returns what `write_feature_vectors` wrote, None if the model has no features.

    Raises:
      ValueError: the file is damaged.
    """
    path = os.path.join(folder, FILE)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        content = io.BytesIO(file.read())
    try:
        with np.load(content, allow_pickle=False) as arrays:
            values = tuple((name, text) for name, text in json.loads(arrays["values"].tobytes()))
            features = ItemFeatures(values, arrays["rows"], arrays["weight"])
            tables = tuple(arrays[name] for name in sorted(arrays) if name.startswith("table_"))
            return FeatureVectors(
                features, tables, int(arrays["members"]), bool(arrays["normalize"])
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
