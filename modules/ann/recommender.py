"""Loads and asks a model with an approximate index; see `modules.ann.export`.

The folder is a SavedModel of the query tower and the id tables, with the index among the files
that TensorFlow itself does not read. Whoever knows how to ask a loaded SavedModel for `recommend`
can ask this as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from modules.ann.pq_index import INDEX_FOLDER, PQIndex, holds_index, require_faiss

STATE, STATE_OF_EXAMPLES = "session_state", "session_state_of_examples"
TOP_K = 100  # as `serving.Recommender` answers

Answer = dict[str, tf.Tensor]


class Signature:
    """A function that is called as a signature of a loaded SavedModel is."""

    def __init__(self, spec: tf.TensorSpec, ask: Callable[[tf.Tensor], Answer]) -> None:
        """Takes the only input's specification, and what answers it."""
        self.structured_input_signature = ((), {spec.name: spec})
        self._name, self._ask = spec.name, ask

    def __call__(self, **inputs: Any) -> Answer:
        """Answers the input, given by name."""
        return self._ask(tf.convert_to_tensor(inputs[self._name]))


class ApproximateRecommender:
    """Answers sessions as `serving.Recommender` does, with most of the best items.

    Attributes:
      signatures: `recommend` and `serving_default`, which take and give what those of the exact
        model do.
    """

    def __init__(self, folder: str) -> None:
        """Loads what `approximate_export.export` wrote into a folder of this machine.

        Raises:
          FaissMissingError: faiss is not installed.
        """
        require_faiss()
        self._model = tf.saved_model.load(folder)
        self._index = PQIndex.load(os.path.join(folder, INDEX_FOLDER))
        self._ids = self._model.catalogue_ids.numpy()
        states = {"recommend": STATE, "serving_default": STATE_OF_EXAMPLES}
        self.signatures = {name: self._signature(state) for name, state in states.items()}

    def _signature(self, state: str) -> Signature:
        function = self._model.signatures[state]
        (spec,) = function.structured_input_signature[1].values()
        return Signature(spec, lambda sessions: self._answer(function(**{spec.name: sessions})))

    def _answer(self, state: Answer) -> Answer:
        """Answers sessions by what `SessionScorer.state` tells of them."""
        positions = state["positions"].numpy()
        k = min(TOP_K, len(self._ids))
        scores, top = self._index.top(state["query"].numpy(), positions, state["bonus"].numpy(), k)
        is_empty = ~(positions >= 0).any(axis=1)
        # The catalogue's order is by popularity.
        top[is_empty], scores[is_empty] = np.arange(k), -np.arange(k)
        return {"item_ids": tf.constant(self._ids[top]), "scores": tf.constant(scores)}


def catalogue_size(model: Any) -> int:
    """Returns how many items a loaded model can recommend, 0 if it does not say.

    Args:
      model: from `load_recommender`.
    """
    if isinstance(model, ApproximateRecommender):
        return len(model._ids)
    ids = getattr(getattr(model, "_items", None), "_catalogue_ids", None)
    return 0 if ids is None else int(ids.shape[0])


def load_recommender(folder: str) -> Any:
    """Loads a SavedModel, or a model with an approximate index, which is asked alike.

    Raises:
      FaissMissingError: it has an approximate index, and faiss is not installed.
    """
    return ApproximateRecommender(folder) if holds_index(folder) else tf.saved_model.load(folder)
