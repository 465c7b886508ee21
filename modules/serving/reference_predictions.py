"""Predictions of the trained model for some sessions, kept with the SavedModel.

They are computed by the towers and not by the exported graph, so that any process can check that a
loaded SavedModel recommends the same as the model that was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import Float32Array, IntArray
from modules.data.item_indices import FIRST_ITEM, NO_ITEM, PADDING
from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import REFERENCE_PREDICTIONS, read_json, write_json
from modules.serving.answer_length import TOP_K
from modules.serving.score_adjustments import SessionAdjustments, adjust_scores

SESSIONS = 50

Contexts = npt.NDArray[np.integer[Any]]


def answer(
    scores: tf.Tensor, contexts: Contexts, seen: SessionAdjustments
) -> tuple[IntArray, Float32Array]:
    """Returns the best items by a full sort.

    Args:
      scores: scores of the catalogue after each context, float32 `[sessions, catalogue]`.
      contexts: positions, int `[sessions, length]`, right-padded with -1; no row is empty.
      seen: score adjustments of session items.

    Returns:
      Catalogue positions, int64 `[sessions, k]`, best first, and scores, float32 of that shape.
    """
    best, of_best = [], []
    for row in range(len(contexts)):  # A sort of all rows at once takes 16 bytes for each score.
        one = slice(row, row + 1)
        adjusted = adjust_scores(scores[one], tf.constant(contexts[one]), seen).numpy()[0]
        best.append(np.argsort(-adjusted, kind="stable")[:TOP_K])
        of_best.append(adjusted[best[-1]])
    return np.array(best), np.array(of_best)


def write_reference_predictions(
    score: Callable[[tf.Tensor], tf.Tensor],
    vocabulary: Vocabulary,
    contexts: Contexts,
    seen: SessionAdjustments,
    folder: str,
) -> None:
    """Writes sessions and their predictions into a SavedModel's folder.

    Args:
      score: maps contexts to the catalogue's scores, as `TwoTower.catalogue_scores`.
      vocabulary: all known items.
      contexts: item indices, int `[sessions, length]`, right-padded with 0, at most as long as
        serving truncates them; the first 50 rows with an item are used.
      seen: score adjustments of session items.
      folder: folder of the SavedModel. Bytes of ids that are not valid UTF-8 become surrogates in
        it, as in `os.fsdecode`.
    """
    contexts = contexts[contexts[:, 0] != PADDING][:SESSIONS]
    sessions = np.where(contexts == PADDING, NO_ITEM, contexts - FIRST_ITEM)
    positions, scores = np.zeros([0, 0], np.int64), np.zeros([0, 0], np.float32)
    if len(contexts):
        positions, scores = answer(score(tf.constant(contexts)), sessions, seen)
    content = {
        "sessions": [_texts(vocabulary, row[row != NO_ITEM]) for row in sessions],
        "item_ids": [_texts(vocabulary, row) for row in positions],
        "scores": scores.tolist(),
    }
    write_json(folder, REFERENCE_PREDICTIONS, content)


def reference_sessions(folder: str) -> list[list[bytes]]:
    """Returns the sessions of the predictions in a SavedModel's folder, none if it has none."""
    content = read_json(folder, REFERENCE_PREDICTIONS)
    sessions = content["sessions"] if content else []
    return [[item.encode("utf-8", "surrogateescape") for item in items] for items in sessions]


def _texts(vocabulary: Vocabulary, positions: Contexts) -> list[str]:
    return [item.decode("utf-8", "surrogateescape") for item in vocabulary.item_ids[positions]]
