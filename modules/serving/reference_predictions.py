"""The training model's own answers to some sessions, kept beside the SavedModel.

They are worked out with NumPy from the towers, not with the exported graph, so that whoever loads
the SavedModel, in whatever process, can tell that it answers as the model that was trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from modules.data.vocabulary import FIRST_ITEM, PADDING, Vocabulary
from modules.files.model_metadata import write_json
from modules.model.two_tower import TwoTower
from modules.serving.recorded_predictions import FILE
from modules.serving.score_adjustments import SessionAdjustments

SESSIONS = 50
TOP_K = 100


def answer(
    model: TwoTower, contexts: np.ndarray[Any, Any], seen: SessionAdjustments
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Finds the best items by a full sort.

    Args:
      model: trained towers.
      contexts: item indices, int `[sessions, length]`, right-padded with 0; no row is empty.
      seen: the scalars of session items.

    Returns:
      catalogue positions, int64 `[sessions, k]`, best first, and scores, float32 of that shape.
    """
    rows, lengths = np.arange(len(contexts)), np.count_nonzero(contexts, axis=1)
    queries = model.query_tower(tf.constant(contexts)).numpy()[rows, lengths - 1]
    scores = queries @ model.candidate_tower.catalogue().numpy().T
    for row, length in enumerate(lengths):
        places = contexts[row, :length] - FIRST_ITEM
        earlier = np.setdiff1d(places, places[-1:])
        scores[row, earlier] += np.float32(seen.earlier_item_boost)
        scores[row, places[-1]] -= np.float32(seen.current_item_penalty)
    positions = np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K]
    return positions, np.take_along_axis(scores, positions, axis=1)


def write_reference_predictions(
    model: TwoTower,
    vocabulary: Vocabulary,
    contexts: np.ndarray[Any, Any],
    seen: SessionAdjustments,
    folder: str,
) -> None:
    """Writes sessions and the trainer's answers to them into a SavedModel's folder.

    `modules.serving.recorded_predictions` reads them.

    Args:
      model: trained towers.
      vocabulary: all known items.
      contexts: item indices, int `[sessions, length]`, right-padded with 0; the first 50 rows that
        hold an item are taken. They must be as short as serving cuts them.
      seen: the scalars of session items.
      folder: of the SavedModel.
    """
    contexts = contexts[contexts[:, 0] != PADDING][:SESSIONS]
    empty = np.zeros([0, 0])
    positions, scores = answer(model, contexts, seen) if len(contexts) else (empty, empty)
    content = {
        "sessions": [
            [_text(vocabulary.item_ids[item - FIRST_ITEM]) for item in row if item != PADDING]
            for row in contexts
        ],
        "item_ids": [[_text(vocabulary.item_ids[place]) for place in row] for row in positions],
        "scores": [[float(score) for score in row] for row in scores],
    }
    write_json(folder, FILE, content)


def _text(item_id: bytes) -> str:
    return item_id.decode("utf-8", "surrogateescape")
