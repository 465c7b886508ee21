"""The trainer's answers that are kept beside a model: written, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import REFERENCE_PREDICTIONS, read_json
from modules.serving.reference_predictions import (
    write_reference_predictions,
)
from modules.serving.score_adjustments import SessionAdjustments

VOCABULARY = Vocabulary(np.array([b"a", b"\xff", b"c", b"d"], object), np.array([4, 3, 2, 1]), 3)
SCORES = [1.0, 3.0, 2.0]


def _scores(contexts: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.constant([SCORES]), len(contexts), axis=0)


def test_answers_are_the_sorted_adjusted_scores(tmp_path: Path) -> None:
    """Item indices 2 to 4 are the catalogue's; the empty row is left out."""
    contexts = np.array([[2, 3, 0], [0, 0, 0], [4, 0, 0]])
    seen = SessionAdjustments(current_item_penalty=2.5, earlier_item_boost=1.5)

    write_reference_predictions(_scores, VOCABULARY, contexts, seen, str(tmp_path))

    assert read_json(str(tmp_path), REFERENCE_PREDICTIONS) == {
        "sessions": [["a", "\udcff"], ["c"]],
        "item_ids": [["a", "c", "\udcff"], ["\udcff", "a", "c"]],
        "scores": [[2.5, 2.0, 0.5], [3.0, 1.0, -0.5]],
    }


@pytest.mark.parametrize("rows", (0, 3))
def test_no_session_leaves_no_answer(tmp_path: Path, rows: int) -> None:
    nothing = np.zeros([rows, 2], np.int32)
    write_reference_predictions(_scores, VOCABULARY, nothing, SessionAdjustments(), str(tmp_path))
    found = read_json(str(tmp_path), REFERENCE_PREDICTIONS)
    assert found == {"sessions": [], "item_ids": [], "scores": []}


def test_of_many_sessions_the_first_fifty_are_taken(tmp_path: Path) -> None:
    many = np.full([80, 1], 2, np.int32)
    write_reference_predictions(_scores, VOCABULARY, many, SessionAdjustments(), str(tmp_path))
    found = read_json(str(tmp_path), REFERENCE_PREDICTIONS)
    assert found is not None and len(found["sessions"]) == len(found["scores"]) == 50


def test_a_model_without_answers_has_none(tmp_path: Path) -> None:
    assert read_json(str(tmp_path), REFERENCE_PREDICTIONS) is None
