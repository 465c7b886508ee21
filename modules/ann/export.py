"""Exports a model with an approximate index from one of `modules.serving.recommender`.

It keeps the query tower and id tables, and leaves out what needs the scores of all items.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.ann.pq_index import INDEX_FOLDER, CodeOptions, PQIndex, require_faiss
from modules.ann.recommender import STATE, STATE_OF_EXAMPLES, Answer
from modules.sessions.examples import parse_sessions

_PARTS = ("session_state", "_items", "_index", "_scorer", "_answers")
# Parts of parts; tracked alone, so that the exact index is left behind.
_OF_PARTS = {"_scorer": "_served_tower", "_index": "_size"}
_ITEMS_PER_REQUEST = 65_536


class OldModelError(Exception):
    """The SavedModel lacks parts that an index needs; the message says how to fix it."""


class SessionStates(tf.Module):
    """The part of a SavedModel that an index needs: all but its exact index."""

    def __init__(self, model: Any) -> None:
        """Takes the parts of a loaded SavedModel from `modules.serving.recommender.export`.

        Raises:
          OldModelError: the model was exported by an older version of this package.
        """
        super().__init__(name="session_states")
        _check(model)
        self._items = model._items
        self.catalogue_ids = model._items._catalogue_ids
        self._session_state = model.session_state
        self._served_tower = model._scorer._served_tower
        self._size = model._index._size
        self._recommends_own_items = model._answers._recommends_own_items

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, "item_ids")])
    def state(self, item_ids: tf.Tensor) -> Answer:
        """Returns `SessionScorer.state` of sessions of raw ids; '' is padding."""
        return self._session_state(item_ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def state_of_examples(self, examples: tf.Tensor) -> Answer:
        """Returns `state` of serialized tf.Examples, string `[batch]`."""
        return self._session_state(parse_sessions(examples).to_tensor(""))


def export(model_folder: str, folder: str, options: CodeOptions) -> PQIndex:
    """Writes the model with an approximate index, for `ApproximateRecommender` to load.

    Args:
      model_folder: SavedModel as Trainer exported it, with its whole catalogue recommendable.
      folder: folder of the new model, on this machine.
      options: options of the index.

    Raises:
      FaissMissingError: faiss is not installed.
      OldModelError: the model was exported by an older version of this package.
    """
    require_faiss()
    model = tf.saved_model.load(model_folder)
    states = SessionStates(model)
    signatures = {STATE: states.state, STATE_OF_EXAMPLES: states.state_of_examples}
    tf.saved_model.save(states, folder, signatures=signatures)
    index = PQIndex.build(catalogue_vectors(model), options)
    index.save(os.path.join(folder, INDEX_FOLDER))
    return index


def catalogue_vectors(model: Any) -> npt.NDArray[np.float32]:
    """Returns the candidate vectors of a loaded SavedModel, float32 `[catalogue, dim]`.

    Raises:
      OldModelError: the model was exported by an older version of this package.
    """
    _check(model)
    ids = model._items._catalogue_ids
    embed = model.signatures["embed_items"]
    blocks = range(0, len(ids.numpy()), _ITEMS_PER_REQUEST)
    parts = [embed(item_ids=ids[at : at + _ITEMS_PER_REQUEST])["embedding"] for at in blocks]
    return np.concatenate([part.numpy() for part in parts])


def _check(model: Any) -> None:
    missing = [part for part in _PARTS if not hasattr(model, part)]
    missing += [
        name
        for part, name in _OF_PARTS.items()
        if part not in missing and not hasattr(getattr(model, part), name)
    ]
    if missing:
        raise OldModelError(
            f"The model has no {', '.join(missing)}: it was exported by an older version of this "
            "package. Train it again."
        )
