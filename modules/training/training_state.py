"""Weights and optimizer slots of a trained model, and how they start a model of other items.

A model starts warm from one of earlier data (Ash and Adams, 2020, discuss when that pays). Rows of
tables follow their item ids, since every day has another vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import BoolArray, IntArray
from modules.config.options.model import ModelOptions
from modules.data.item_indices import FIRST_ITEM
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.two_tower import TwoTower

# Slots that follow from the weights at the end of a training run: the weights are averages then.
_DERIVED_SLOTS = ("lag", "average")
# Options that determine which weights a model has, and what they mean.
_SHAPE = (
    *("ensemble_size", "embedding_dim", "gru_units", "shared_embedding", "normalize"),
    "copy_lags",
)

Arrays = tuple[npt.NDArray[Any], ...]


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """A trained model before its neighbors are mixed in, independent of TensorFlow's objects.

    Attributes:
      item_ids: ids of the items that have rows in the tables, bytes `[items]`, without the reserved
        tokens.
      shape: values of the options that a model must share to start from it.
      weights: trainable weights in the model's order; tables are float32
        `[(reserved tokens + items) * members, dim]`.
      optimizer: class of the optimizer.
      iteration: steps that the optimizer took.
      slots: values that the optimizer keeps for weights, in its order, such as moments.
    """

    item_ids: npt.NDArray[np.object_]
    shape: dict[str, Any]
    weights: Arrays
    optimizer: str
    iteration: int
    slots: Arrays


class CarriedItems(NamedTuple):
    """How the items of a model got their first vectors.

    Attributes:
      kept: items with a row in the state.
      placed: new items with the weighted mean of their neighbors' rows.
      fresh: new items without such a neighbor, initialized at random.
      dropped: items of the state that the model does not have.
    """

    kept: int
    placed: int
    fresh: int
    dropped: int

    def __str__(self) -> str:
        """Describes the counts in one line.

        >>> print(CarriedItems(kept=6, placed=1, fresh=1, dropped=2))
        6 of 8 items (75.0 %) keep their vectors, 1 new by neighbors, 1 at random; 2 gone
        """
        items = self.kept + self.placed + self.fresh
        share = self.kept / items if items else 0.0
        return (
            f"{self.kept:,} of {items:,} items ({share:.1%}) keep their vectors, {self.placed:,} "
            f"new by neighbors, {self.fresh:,} at random; {self.dropped:,} gone"
        ).replace("%)", " %)")


def shape_of(options: ModelOptions) -> dict[str, Any]:
    """Returns what a model must share with another one to start from its weights."""
    shape = {name: getattr(options, name) for name in _SHAPE}
    shape["has_neighbors"] = options.num_neighbors > 0
    if options.item_features:  # States of versions before them say nothing of them.
        shape["item_features"] = list(options.item_features)
    return shape


def capture(
    model: TwoTower, item_ids: npt.NDArray[np.object_], options: ModelOptions
) -> TrainingState:
    """Returns the state of a trained model, before its neighbors are mixed in.

    Args:
      model: model that was compiled and trained.
      item_ids: ids of its items, bytes `[items]`.
      options: shape of its towers.
    """
    optimizer = _unwrapped(model.optimizer)
    return TrainingState(
        item_ids,
        shape_of(options),
        tuple(weight.numpy() for weight in model.trainable_variables),
        type(optimizer).__name__,
        int(optimizer.iterations.numpy()),
        tuple(slot.numpy() for slot, _ in _slots(model)),
    )


def carry_weights(
    state: TrainingState,
    model: TwoTower,
    item_ids: npt.NDArray[np.object_],
    neighbors: ItemNeighbors | None,
) -> CarriedItems:
    """Replaces a model's initial weights by those of a state.

    Args:
      state: state of a model of the same shape.
      model: model with weights and an optimizer that is not built yet, since it copies weights.
      item_ids: ids of the model's items, bytes `[items]`.
      neighbors: neighbors of its items; None places no item by neighbors.

    Raises:
      ValueError: the state's weights do not fit the model.
    """
    rows = matching_rows(state.item_ids, item_ids)
    _check(state, model, rows)
    tables = _tables(model)
    for weight, saved in zip(model.trainable_variables, state.weights, strict=True):
        if weight.ref() in tables:
            own = weight.numpy().reshape(len(rows), -1)
            saved = saved.reshape(-1, own.shape[1])
            kept = rows >= 0
            own[kept] = saved[rows[kept]]
            if neighbors is not None:
                place, vectors = neighbor_means(own, kept, neighbors)
                own[place] = vectors
            saved = own.reshape(weight.shape)
        weight.assign(saved)
    return _counts(state, rows, neighbors)


def carry_slots(state: TrainingState, model: TwoTower, item_ids: npt.NDArray[np.object_]) -> None:
    """Replaces the slots of a model's optimizer, which must be built, by those of a state.

    Rows of new items stay 0. Nothing changes if the optimizer is of another class.

    Args:
      state: state that `carry_weights` was called with.
      model: the model.
      item_ids: ids of its items, bytes `[items]`.
    """
    optimizer = _unwrapped(model.optimizer)
    slots = list(_slots(model))
    if type(optimizer).__name__ != state.optimizer or len(slots) != len(state.slots):
        return
    rows = matching_rows(state.item_ids, item_ids)
    kept = rows >= 0
    tables = _tables(model)
    for (slot, weight), saved in zip(slots, state.slots, strict=True):
        if weight.ref() in tables:
            own = slot.numpy().reshape(len(rows), -1)
            own[kept] = saved.reshape(-1, own.shape[1])[rows[kept]]
            saved = own.reshape(slot.shape)
        slot.assign(saved)
    optimizer.iterations.assign(state.iteration)


def matching_rows(old: npt.NDArray[np.object_], new: npt.NDArray[np.object_]) -> IntArray:
    """Returns the item_index that each of the new item indices had, int64 `[item_indices]`.

    Args:
      old: item ids, without reserved tokens.
      new: likewise.

    >>> matching_rows(np.array([b"a", b"b"]), np.array([b"b", b"c", b"a"])).tolist()
    [0, 1, 3, -1, 2]
    """
    places = {item: place + FIRST_ITEM for place, item in enumerate(old)}
    found = [places.get(item, -1) for item in new]
    return np.array([*range(FIRST_ITEM), *found], np.int64)


def neighbor_means(
    vectors: npt.NDArray[np.floating[Any]], kept: BoolArray, neighbors: ItemNeighbors
) -> tuple[IntArray, npt.NDArray[np.floating[Any]]]:
    """Returns the weighted means of the vectors of new items' neighbors.

    Args:
      vectors: `[item_indices, dim]`.
      kept: whether a row is of an item that is not new, `[item_indices]`.
      neighbors: neighbors of all items.

    Returns:
      The item indices of new items with at least one neighbor that is not new, int64 `[placed]`,
      and their means, `[placed, dim]`.
    """
    weight = np.where(kept[neighbors.items], neighbors.weight, 0)
    total = weight.sum(axis=1)
    place = np.flatnonzero(~kept & (total > 0))
    share = (weight[place] / total[place, None]).astype(vectors.dtype)
    return place, np.einsum("nk,nkd->nd", share, vectors[neighbors.items[place]])


def _counts(state: TrainingState, rows: IntArray, neighbors: ItemNeighbors | None) -> CarriedItems:
    kept, placed = rows >= 0, 0
    if neighbors is not None:
        placed = len(neighbor_means(np.zeros((len(rows), 1)), kept, neighbors)[0])
    known = int(np.count_nonzero(kept)) - FIRST_ITEM
    fresh = len(rows) - FIRST_ITEM - known - placed
    return CarriedItems(known, placed, fresh, len(state.item_ids) - known)


def _check(state: TrainingState, model: TwoTower, rows: IntArray) -> None:
    """Raises ValueError if the weights of a state do not fit a model."""
    tables, before = _tables(model), len(state.item_ids) + FIRST_ITEM
    expected = [
        [weight.shape[0] // len(rows) * before, *weight.shape[1:]]
        if weight.ref() in tables
        else list(weight.shape)
        for weight in model.trainable_variables
    ]
    found = [list(weight.shape) for weight in state.weights]
    if found != expected:
        raise ValueError(f"its weights have the shapes {found} instead of {expected}")


def _tables(model: TwoTower) -> set[Any]:
    return {table.ref() for table in _table_variables(model)}


def _table_variables(model: TwoTower) -> Sequence[tf.Variable]:
    return [
        tower.table.embedding.embeddings for tower in (model.candidate_tower, model.query_tower)
    ]


def _slots(model: TwoTower) -> Iterator[tuple[tf.Variable, tf.Variable]]:
    """Yields the slots that do not follow from the weights, each with its weight."""
    weights = {weight.name: weight for weight in model.trainable_variables}
    for slot in _unwrapped(model.optimizer).variables:
        # m/tower/kernel:0, or Adam/m/tower/kernel:0 if the first step made it.
        names = [name for name in weights if slot.name.endswith(f"/{name}")]
        name = max(names, key=len, default=None)
        if name and slot.name.removesuffix(f"/{name}").split("/")[-1] not in _DERIVED_SLOTS:
            yield slot, weights[name]


def _unwrapped(optimizer: tf.keras.optimizers.Optimizer) -> tf.keras.optimizers.Optimizer:
    return getattr(optimizer, "inner_optimizer", optimizer)
