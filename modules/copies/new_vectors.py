"""Vectors of items that a model was not trained on: means of their neighbors' in sessions.

Shoppers click similar items one after another, so an item lies near those that were clicked close
to it (`modules.copies.recent_neighbors`). One click of a new item is enough: waiting for a second
halves what new items gain, see `benchmarks/freshness.py`.

If the model learned features of items, such as categories, a new item that has them gets the
vectors of its own values in place of its neighbors'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from modules.array_types import Float32Array
from modules.model.feature_vectors import FeatureVectors, weighted_sums
from modules.model.item_features import rows_of


def mean_vectors(weights: sparse.csr_matrix, vectors: Float32Array) -> Float32Array:
    """Returns the weighted means of vectors `[size, dim]`, float32 `[items, dim]`."""
    return np.asarray(weights @ vectors, np.float32)


class OwnFeatures(NamedTuple):
    """Features of new items.

    Attributes:
      model: what the model learned of features.
      values: values of each new item, by column.
    """

    model: FeatureVectors
    values: Mapping[str, Sequence[Sequence[str]]]


def feature_shifts(own: OwnFeatures, weights: sparse.csr_matrix) -> tuple[Float32Array, ...]:
    """Returns what own values add to the means of neighbors' rows, less what neighbors' values do.

    A column in which an item has no value that the model learned adds nothing.

    Args:
      own: features of the new items.
      weights: weights of the catalogue in the means, `[items, catalogue]`.

    Returns:
      float32 `[items, dim]` for each table.
    """
    shifts = []
    for table in own.model.tables:
        shift = np.zeros((weights.shape[0], table.shape[1]), np.float32)
        for column in own.model.columns:
            rows, weight = rows_of(own.model.features, column, own.values[column])
            has_value = weight.any(axis=1)
            of_values = weighted_sums(table, rows[has_value], weight[has_value])
            of_neighbors = weights[has_value] @ own.model.of_catalogue(column, table)
            shift[has_value] += of_values - of_neighbors
        shifts.append(shift)
    return tuple(shifts)


def shifted_candidates(
    means: Float32Array, rows: Float32Array, shift: Float32Array, model: FeatureVectors
) -> Float32Array:
    """Returns candidate vectors of new items, `[items, dim]`.

    Normalised ones keep the length of the means, which is shorter the less neighbors agree.

    Args:
      means: means of neighbors' candidate vectors, those of all members in a row, `[items, dim]`.
      rows: rows of the candidate tower's table, with the shift, of the same shape.
      shift: output of `feature_shifts`, of the same shape.
      model: what the model learned of features.
    """
    if not model.normalize:
        return means + shift / np.float32(np.sqrt(model.members))
    shape = len(means), model.members, means.shape[1] // model.members  # of no items, too
    mean, row = means.reshape(shape), rows.reshape(shape)
    length, size = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (mean, row))
    turned = np.where(size > 0, row * length / np.maximum(size, np.float32(1e-12)), mean)
    return turned.reshape(means.shape)
