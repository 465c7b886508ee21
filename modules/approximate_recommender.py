"""The exported model with an approximate index: as `recommend`, made for millions of items.

It is made of a SavedModel that `modules.serving` wrote, shares its towers and id tables, and is
a SavedModel without custom ops again. What it has not is what needs the scores of all items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.graph_index import GraphIndex
from modules.proximity_graph import nearest_neighbors
from modules.serving import TOP_K, Answer, parse_sessions

_PARTS = ("session_state", "_items", "_scorer", "_popular")
_ITEMS_PER_REQUEST = 65_536


class OldModelError(Exception):
    """The SavedModel has not the parts that an index is made of; the message says what to do."""


class ApproximateRecommender(tf.Module):
    """Answers sessions as `serving.Recommender` does, with most of the best items."""

    def __init__(
        self, model: Any, vectors: npt.NDArray[np.float32], neighbors: int, widths: Sequence[int]
    ) -> None:
        """Takes over all of a model but its exact index.

        Args:
          model: a loaded SavedModel that `serving.export` wrote.
          vectors: of the catalogue, float32 `[catalogue, dim]`, from `catalogue_vectors`.
          neighbors: of each item that the index keeps.
          widths: see `GraphIndex`.

        Raises:
          OldModelError: the model was exported by an older version of this package.
        """
        super().__init__(name="approximate_recommender")
        _check(model)
        self._items = model._items
        self._session_state = model.session_state
        # Tracked, since the function reads them; the scorer itself holds the exact index too.
        self._tower_variables = model._scorer._variables
        self._popular = model._popular
        self._index = GraphIndex(vectors, nearest_neighbors(vectors, neighbors), widths)
        self._k = min(TOP_K, len(vectors))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, "item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> Answer:
        """Recommends items for sessions of raw ids; see `serving.Recommender.recommend`."""
        return self._recommend(item_ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def recommend_examples(self, examples: tf.Tensor) -> Answer:
        """Recommends items for serialized tf.Examples, string `[batch]`."""
        return self._recommend(parse_sessions(examples).to_tensor(""))

    def _recommend(self, sessions: tf.Tensor) -> Answer:
        state = self._session_state(sessions)
        positions = tf.cast(state["positions"], tf.int32)
        spec = (tf.TensorSpec([self._k], tf.float32), tf.TensorSpec([self._k], tf.int32))
        scores, top = tf.map_fn(
            lambda row: self._index.top(row[0], row[1], row[2], self._k),
            (state["query"], positions, state["bonus"]),
            fn_output_signature=spec,
        )
        has_items = positions[:, :1] >= 0
        popular = self._popular.read_value()
        top = tf.where(has_items, top, popular)
        scores = tf.where(has_items, scores, -tf.cast(popular, tf.float32))
        return {"item_ids": tf.gather(self._items._catalogue_ids, top), "scores": scores}


def catalogue_vectors(model: Any) -> npt.NDArray[np.float32]:
    """Returns the candidate vectors of a loaded SavedModel, float32 `[catalogue, dim]`.

    Raises:
      OldModelError: the model was exported by an older version of this package.
    """
    _check(model)
    ids = model._items._catalogue_ids
    embed = model.signatures["embed_items"]
    blocks = range(0, ids.shape[0], _ITEMS_PER_REQUEST)
    parts = [embed(item_ids=ids[at : at + _ITEMS_PER_REQUEST])["embedding"] for at in blocks]
    return np.concatenate([part.numpy() for part in parts])


def export_approximate(
    model_folder: str, folder: str, neighbors: int, widths: Sequence[int]
) -> int:
    """Writes the SavedModel with an approximate index: `recommend` and `serving_default`.

    Args:
      model_folder: SavedModel that `serving.export` wrote.
      folder: where the new one goes.
      neighbors: of each item that the index keeps.
      widths: see `GraphIndex`.

    Returns:
      Items of the catalogue.

    Raises:
      OldModelError: the model was exported by an older version of this package.
    """
    model = tf.saved_model.load(model_folder)
    vectors = catalogue_vectors(model)
    module = ApproximateRecommender(model, vectors, neighbors, widths)
    functions = {
        "serving_default": module.recommend_examples.get_concrete_function(),
        "recommend": module.recommend.get_concrete_function(),
    }
    tf.saved_model.save(module, folder, signatures=functions)
    return len(vectors)


def _check(model: Any) -> None:
    missing = [part for part in _PARTS if not hasattr(model, part)]
    if missing:
        raise OldModelError(
            f"The model has no {', '.join(missing)}: it was exported by an older version of this "
            "package. Train it again."
        )
