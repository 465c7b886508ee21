"""Loads and calls a model with an approximate index; see `modules.ann.export`.

The folder is a SavedModel of the query tower and the id tables, with the index among the files
that TensorFlow itself does not read. It has the signatures `recommend` and `serving_default` of an
exact model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from modules.ann.pq_index import INDEX_FOLDER, PQIndex, holds_index, require_faiss
from modules.serving.answer_length import TOP_K
from modules.serving.item_lookup import free_tables_with
from modules.serving.session.own_items import OwnItems, with_own_items

STATE, STATE_OF_EXAMPLES = "session_state", "session_state_of_examples"

Answer = dict[str, tf.Tensor]


class Signature:
    """A function with the interface of a loaded SavedModel's signature."""

    def __init__(self, spec: tf.TensorSpec, function: Callable[[tf.Tensor], Answer]) -> None:
        """Takes the specification of the only input, and the function of it."""
        self.structured_input_signature = ((), {spec.name: spec})
        self._name, self._function = spec.name, function

    def __call__(self, **inputs: Any) -> Answer:
        """Calls the function with the input, given by name."""
        return self._function(tf.convert_to_tensor(inputs[self._name]))


class ApproximateRecommender:
    """Recommends most of the items that the exact model does.

    Attributes:
      signatures: `recommend` and `serving_default`, with the inputs and outputs of the exact model.
    """

    def __init__(self, folder: str) -> None:
        """Loads the output of `modules.ann.export` from a folder of this machine.

        Raises:
          FaissMissingError: faiss is not installed.
        """
        require_faiss()
        self._model = free_tables_with(tf.saved_model.load(folder))
        self._index = PQIndex.load(os.path.join(folder, INDEX_FOLDER))
        self._ids = self._model.catalogue_ids.numpy()
        states = {"recommend": STATE, "serving_default": STATE_OF_EXAMPLES}
        self.signatures = {name: self._signature(state) for name, state in states.items()}

    def _signature(self, state: str) -> Signature:
        function = self._model.signatures[state]
        (spec,) = function.structured_input_signature[1].values()
        return Signature(spec, lambda sessions: self._answer(function(**{spec.name: sessions})))

    def _answer(self, state: Answer) -> Answer:
        """Answers sessions from their `SessionScorer.state`."""
        positions = state["positions"].numpy()
        k = min(TOP_K, len(self._ids))
        query = state["query"].numpy()
        scores, top = self._index.top(query, positions, state["bonus"].numpy(), k)
        is_empty = ~(positions >= 0).any(axis=1)
        # The catalogue's order is by popularity.
        top[is_empty], scores[is_empty] = np.arange(k), -np.arange(k)
        answer = {"item_ids": tf.constant(self._ids[top]), "scores": tf.constant(scores)}
        if "own_ids" not in state or not state["own_ids"].shape[1]:  # a former version has none
            return answer
        own = {name: state[f"own_{name}"].numpy() for name in OwnItems._fields}
        beside = self._index.scores_at(query, own["neighbors"])
        mean = (own["weights"] * beside).sum(axis=2, dtype=np.float32)
        own_scores = np.where(is_empty[:, None], state["own_alone"], mean + own["bonus"])
        return with_own_items(answer, tf.constant(own_scores), state["own_ids"])


def catalogue_size(model: Any) -> int:
    """Returns the size of the catalogue of a model from `load_recommender`, 0 if unknown."""
    if isinstance(model, ApproximateRecommender):
        return len(model._ids)
    ids = getattr(getattr(model, "_items", None), "_catalogue_ids", None)
    return 0 if ids is None else len(ids.numpy())


def load_recommender(folder: str) -> Any:
    """Loads a SavedModel, or a model with an approximate index, which has the same interface.

    Its memory is freed when nothing refers to it any more, be there references to its signatures.

    Raises:
      FaissMissingError: the model has an approximate index, and faiss is not installed.
    """
    if holds_index(folder):
        return ApproximateRecommender(folder)
    return free_tables_with(tf.saved_model.load(folder))
