"""Copies of a model that know newer clicks, without training and without a trace.

They know the items that the clicks name, and newer counts; vectors of trained items move.

The graph stays as it was exported: variables get rows for the new items, and the table of ids is
read from a new file. All items are ordered by their events again, which is the order of popularity.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import sparse
from tensorflow.core.protobuf import saved_model_pb2

from modules.array_types import Float32Array, FloatArray, IntArray
from modules.copies.model_variables import COLUMNS, IDS, Variables, copy_without_variables
from modules.copies.moved_vectors import moved_vectors
from modules.copies.new_vectors import (
    OwnFeatures,
    feature_shifts,
    mean_vectors,
    shifted_candidates,
)
from modules.copies.recent_clicks import RecentClicks
from modules.copies.recent_neighbors import neighbor_sums, shares
from modules.data.item_indices import FIRST_ITEM, NO_ITEM
from modules.files.model_folder import ITEM_LIST, REFERENCE_PREDICTIONS, SAVED_MODEL
from modules.model.feature_vectors import FILE as FEATURE_VECTORS
from modules.model.towers import POPULARITY_QUERY
from modules.serving.exact_index import index_columns
from modules.serving.item_lookup import item_list, table_name

_COUNTS, _SIZE, _TABLES = "_items/_counts", "_index/_size", ("_table", "_other_table")
_ITEM_LIST = os.path.join("assets", ITEM_LIST)
_HASH_TABLE, _NAME = "HashTableV2", "shared_name"


class Additions(NamedTuple):
    """What clicks add to a model, and by what they move it.

    Attributes:
      ids: items that the model did not know, bytes `[unknown]`.
      items: items that get a vector, int64 `[new]`: places of known items that had none, and,
        behind all known ones, of `ids`.
      weights: weights of the catalogue's vectors in theirs, `[new, catalogue]`; each row sums to 1.
      clicks: events of the training data that the clicks of each known item and, behind them, of
        each of `ids` count as; float64.
      neighbors: sums of the neighbors of each item of the catalogue, by
        `modules.copies.recent_neighbors`, `[catalogue, catalogue]`.
      unplaced: items without a vector that was clicked beside none that has one.
      left_out: items beyond the limit of new ones.
    """

    ids: npt.NDArray[np.object_]
    items: IntArray
    weights: sparse.csr_matrix
    clicks: FloatArray
    neighbors: sparse.csr_matrix
    unplaced: int
    left_out: int


def find_additions(
    known: npt.NDArray[np.object_], size: int, clicks: RecentClicks, most: int
) -> Additions:
    """Returns what clicks add to a model.

    Args:
      known: ids of all known items, bytes `[known]`, those of the catalogue first.
      size: size of the catalogue; known items behind it have no vector and may get one.
      clicks: the clicks.
      most: largest number of items that get a vector; those with the most clicks do.
    """
    place = {item_id: number for number, item_id in enumerate(known.tolist())}
    position = np.array([place.get(item, NO_ITEM) for item in clicks.item_ids.tolist()], np.int64)
    counts, is_known = clicks.item_counts(), position != NO_ITEM
    has_vector = is_known & (position < size)
    sums = neighbor_sums(clicks, np.where(has_vector, position, NO_ITEM), size)
    is_placed = ~has_vector & (np.diff(sums.indptr) > 0)
    placed = np.flatnonzero(is_placed)
    taken = placed[np.argsort(-counts[placed], kind="stable")][:most]
    # Others stay unknown: those are answered in their own sessions at least.
    unknown = taken[~is_known[taken]]
    position[unknown] = np.arange(len(known), len(known) + len(unknown))
    of_each = np.zeros(len(known) + len(unknown))
    of_each[position[position != NO_ITEM]] = counts[position != NO_ITEM]
    of_catalogue = sums[np.flatnonzero(has_vector)].tocoo()
    cells = position[has_vector][of_catalogue.row], of_catalogue.col
    return Additions(
        ids=clicks.item_ids[unknown],
        items=position[taken],
        weights=shares(sums[taken]),
        clicks=of_each,
        neighbors=sparse.csr_matrix((of_catalogue.data, cells), (size, size)),
        unplaced=int(np.count_nonzero((counts > 0) & ~has_vector & ~is_placed)),
        left_out=len(placed) - len(taken),
    )


def grow(
    variables: Variables,
    known: npt.NDArray[np.object_],
    additions: Additions,
    popularity_weight: float,
    own: OwnFeatures | None = None,
) -> npt.NDArray[np.object_]:
    """Adds items to a model's variables, and moves the vectors of those that it has.

    Args:
      variables: variables of the model; changed.
      known: ids of all known items, bytes `[known]`, in the model's order.
      additions: what to add.
      popularity_weight: weight of the logarithm of an item's events in its score.
      own: features of `additions.items`; None for none.

    Returns:
      The ids of all known items in the order of the variables, bytes.

    Raises:
      OldModelError: the model lacks one of the variables.
    """
    ids = np.concatenate([known, additions.ids])
    unknown = len(additions.ids)
    counts = np.pad(variables[_COUNTS], (0, unknown)) + additions.clicks
    # What each row of the grown tables is, as a place in `ids`, and where it is put.
    rows = np.concatenate([np.arange(len(variables.ids)), additions.items])
    order = np.argsort(-counts[rows], kind="stable")
    in_order, others = rows[order], np.setdiff1d(np.arange(len(ids)), rows)
    others = others[np.argsort(-counts[others], kind="stable")]
    everything = np.concatenate([in_order, others])
    is_offered = np.pad(variables.recommendable(), (0, len(additions.items)), constant_values=True)
    events = variables[_COUNTS][: len(variables.ids)]
    vectors = _grown(variables[COLUMNS][:-2, : len(variables.ids)].T, additions, events)
    tables = {
        name: _grown(variables[name][FIRST_ITEM:], additions, events)
        for name in _TABLES
        if name in variables
    }
    if own is not None:
        _add_features(vectors, list(tables.values()), additions, own)
    logarithms = np.log(np.maximum(counts[rows], 1), dtype=np.float32)
    is_changed = additions.clicks[rows] > 0
    weighted = np.float32(popularity_weight) * logarithms / np.float32(POPULARITY_QUERY)
    trained = np.pad(variables[COLUMNS][-2, : len(variables.ids)], (0, len(additions.items)))
    popularity = np.where(is_changed, weighted, trained)
    candidates = np.concatenate([vectors, popularity[:, None]], axis=1)
    variables[COLUMNS] = index_columns(candidates[order], is_offered[order])
    for name, table in tables.items():
        variables[name] = np.concatenate([variables[name][:FIRST_ITEM], table[order]])
    variables[_SIZE] = np.array(len(rows))
    variables[IDS] = ids[in_order]
    # In the same order as unrounded, and no clicked item without a count.
    variables[_COUNTS] = np.ceil(counts[everything])
    variables.set_popular(is_offered[order])
    return ids[everything]


def write_grown(
    model: str, folder: str, variables: Variables, ids: npt.NDArray[np.object_]
) -> None:
    """Writes a copy of a model with other variables and ids; without a manifest.

    Args:
      model: folder of the model, local or a URI.
      folder: folder of the copy, without files; likewise.
      variables: variables of the copy.
      ids: ids of its known items, from `grow`.
    """
    # Its items' features are in the order of the model, which the copy has not.
    others = (SAVED_MODEL, _ITEM_LIST, REFERENCE_PREDICTIONS, FEATURE_VECTORS)
    copy_without_variables(model, folder, *others)
    variables.write(folder)
    _write_ids(model, folder, item_list(ids))


def _add_features(
    vectors: Float32Array, tables: Sequence[Float32Array], additions: Additions, own: OwnFeatures
) -> None:
    """Adds what features of new items add to their vectors and to their rows in the tables."""
    new = slice(len(vectors) - len(additions.items), None)
    shifts = feature_shifts(own, additions.weights)
    for table, shift in zip(tables, shifts, strict=False):
        table[new] += shift
    # A model without a copy term does not keep the candidate tower's own table, which normalised
    # vectors turn by.
    if len(tables) == len(shifts) or not own.model.normalize:
        means = vectors[new]
        vectors[new] = shifted_candidates(means, tables[-1][new], shifts[-1], own.model)


def _grown(vectors: Float32Array, additions: Additions, events: FloatArray) -> Float32Array:
    """Returns moved vectors of the catalogue, `[catalogue, dim]`, and behind them new items'.

    These are means of vectors as trained, which hold the neighbors' features.

    Args:
      vectors: those of the model, of the same shape.
      additions: what to add.
      events: events of the catalogue's items in the training data, `[catalogue]`.
    """
    moved = moved_vectors(vectors, additions.neighbors, events)
    return np.concatenate([moved, mean_vectors(additions.weights, vectors)])


def _write_ids(model: str, folder: str, content: bytes) -> None:
    """Writes the list of ids, and the graph, whose table gets the name of this list.

    In one process, tables of one name are one table.
    """
    tf.io.gfile.makedirs(os.path.join(folder, os.path.dirname(_ITEM_LIST)))
    with tf.io.gfile.GFile(os.path.join(folder, _ITEM_LIST), "wb") as file:
        file.write(content)
    saved = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(os.path.join(model, SAVED_MODEL), "rb") as file:
        saved.ParseFromString(file.read())
    name = table_name(content).encode()
    for meta_graph in saved.meta_graphs:
        graph = meta_graph.graph_def
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            for node in nodes:
                if node.op == _HASH_TABLE:
                    node.attr[_NAME].s = name
    with tf.io.gfile.GFile(os.path.join(folder, SAVED_MODEL), "wb") as file:
        file.write(saved.SerializeToString(deterministic=True))
