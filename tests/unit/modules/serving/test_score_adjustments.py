"""What the score adjustments of session items do to scores."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules.serving import score_adjustments
from modules.serving.score_adjustments import SessionAdjustments


def _adjusted(scores: np.ndarray, context: np.ndarray, seen: SessionAdjustments) -> np.ndarray:
    return score_adjustments.adjust_scores(tf.constant(scores), tf.constant(context), seen).numpy()


def test_the_current_item_loses_and_earlier_ones_gain_once() -> None:
    """Context: item 0 twice, then item 2; items 1 and 3 were not seen."""
    scores = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    context = np.array([[0, 0, 2, -1, -1]], np.int32)
    seen = SessionAdjustments(current_item_penalty=2.5, earlier_item_boost=0.5)
    assert _adjusted(scores, context, seen).tolist() == [[1.5, 2.0, 0.5, 4.0]]


def test_an_item_that_is_current_and_earlier_counts_as_current() -> None:
    scores = np.zeros([1, 3], np.float32)
    context = np.array([[1, 0, 1]], np.int64)
    seen = SessionAdjustments(current_item_penalty=1.0, earlier_item_boost=4.0)
    assert _adjusted(scores, context, seen).tolist() == [[4.0, -1.0, 0.0]]


def test_without_scalars_scores_stay_as_they_are() -> None:
    scores = tf.constant([[1.0, 2.0]])
    assert (
        score_adjustments.adjust_scores(scores, tf.constant([[0]]), SessionAdjustments()) is scores
    )
