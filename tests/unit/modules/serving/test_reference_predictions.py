"""The trainer's answers that are kept beside a model: written, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data.item_indices import FIRST_ITEM
from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import REFERENCE_PREDICTIONS, read_json
from modules.serving.reference_predictions import write_reference_predictions
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


def _by_hand(scores: np.ndarray, session: list[int], seen: SessionAdjustments) -> np.ndarray:
    """The rule in words: the latest item loses the penalty, each other one gains once."""
    adjusted = scores.copy()
    for item in set(session):
        is_current = item == session[-1]
        adjusted[item] += -seen.current_item_penalty if is_current else seen.earlier_item_boost
    return adjusted


@pytest.mark.parametrize("penalty", (2.5, -1.25))
def test_answers_equal_a_computation_without_tensorflow(tmp_path: Path, penalty: float) -> None:
    """Sessions repeat items, the current one too; values are sums of binary fractions, so exact."""
    draw = np.random.default_rng(7)
    size, sessions, longest = 30, 40, 12
    ids = [str(number).encode() for number in range(size)]
    vocabulary = Vocabulary(np.array(ids, object), np.arange(size, 0, -1), size)
    positions = [
        draw.integers(0, 6, draw.integers(1, longest + 1)).tolist() for _ in range(sessions)
    ]
    contexts = np.zeros((sessions, longest), np.int32)
    for row, session in zip(contexts, positions, strict=True):
        row[: len(session)] = np.array(session) + FIRST_ITEM
    scores = draw.permuted(np.tile(np.arange(size) / 4, (sessions, 1)), axis=1) + 1 / 32
    seen = SessionAdjustments(penalty, earlier_item_boost=1.5 + 1 / 16)

    write_reference_predictions(
        lambda _: tf.constant(scores, tf.float32), vocabulary, contexts, seen, str(tmp_path)
    )

    found = read_json(str(tmp_path), REFERENCE_PREDICTIONS)
    assert found is not None
    for place, session in enumerate(positions):
        expected = _by_hand(scores[place], session, seen)
        best = sorted(range(size), key=lambda item: (-expected[item], item))
        assert found["sessions"][place] == [str(item) for item in session]
        assert found["item_ids"][place] == [str(item) for item in best]
        assert found["scores"][place] == [expected[item] for item in best]


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
