"""The serving scalars: what they do to scores, and that the grid ranks as the exported graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules import metrics, seen_items
from modules.seen_items import JudgedSteps, SeenItemScores
from modules.vocabulary import FIRST_ITEM


def _adjusted(scores: np.ndarray, context: np.ndarray, seen: SeenItemScores) -> np.ndarray:
    return seen_items.adjust_scores(tf.constant(scores), tf.constant(context), seen).numpy()


def test_the_current_item_loses_and_earlier_ones_gain_once() -> None:
    """Context: item 0 twice, then item 2; items 1 and 3 were not seen."""
    scores = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    context = np.array([[2, 2, 4, 0, 0]], np.int32)
    seen = SeenItemScores(current_item_penalty=2.5, earlier_item_boost=0.5)
    assert _adjusted(scores, context, seen).tolist() == [[1.5, 2.0, 0.5, 4.0]]


def test_an_item_that_is_current_and_earlier_counts_as_current() -> None:
    scores = np.zeros([1, 3], np.float32)
    context = np.array([[3, 2, 3]], np.int64)
    seen = SeenItemScores(current_item_penalty=1.0, earlier_item_boost=4.0)
    assert _adjusted(scores, context, seen).tolist() == [[4.0, -1.0, 0.0]]


def test_without_scalars_scores_stay_as_they_are() -> None:
    scores = tf.constant([[1.0, 2.0]])
    assert seen_items.adjust_scores(scores, tf.constant([[2]]), SeenItemScores()) is scores


def _random_steps(ties: bool) -> JudgedSteps:
    random = np.random.default_rng(5)
    rows, catalogue, length = 300, 12, 6
    scores = random.normal(size=(rows, catalogue)).astype(np.float32) * 3
    if ties:  # multiples of .5, as the scalars are
        scores = np.round(scores * 2) / 2
    scores[:, 7] = -np.inf  # takes no part
    context = random.integers(FIRST_ITEM, FIRST_ITEM + catalogue, (rows, length))
    context[np.arange(length) >= random.integers(1, length + 1, rows)[:, None]] = 0
    target = random.integers(FIRST_ITEM, FIRST_ITEM + catalogue, rows)
    return JudgedSteps(scores, context, target)


@pytest.mark.parametrize("ties", [False, True])
def test_the_grid_ranks_as_the_graph_does(ties: bool) -> None:
    steps = _random_steps(ties)
    penalties, boosts = [0.0, 1.0, 2.5, -1.5], [0.0, 0.5, 3.0]
    ranks = seen_items.grid_ranks(steps, penalties, boosts)
    for p, penalty in enumerate(penalties):
        for b, boost in enumerate(boosts):
            scores = _adjusted(steps.scores, steps.context, SeenItemScores(penalty, boost))
            expected = metrics.conservative_rank(scores, steps.target - FIRST_ITEM)
            np.testing.assert_array_equal(ranks[p, b], expected)


def test_chooses_what_ranks_best() -> None:
    """Item 3, seen before, must pass those at 1; item 25 must pass the current item at 9.5."""
    scores = np.zeros([2, 40], np.float32)
    scores[0, 5:35] = 1.0
    scores[0, 0] = 2.0
    scores[1, [0, 25 - FIRST_ITEM]] = 9.5, 9.0
    steps = JudgedSteps(scores, np.array([[3, 2], [3, 2]]), np.array([3, 25]))
    assert seen_items.choose([steps]) == (SeenItemScores(1.0, 1.5), 1.0, 1.0)


def test_boosts_the_current_item_where_it_is_the_answer() -> None:
    """Item 3 is clicked again, and thirty others at 1 must not be before it."""
    scores = np.zeros([1, 40], np.float32)
    scores[0, 5:35] = 1.0
    steps = JudgedSteps(scores, np.array([[2, 3]]), np.array([3]))
    assert seen_items.choose([steps]) == (SeenItemScores(-1.5, 0.0), 1.0, 1.0)


def test_a_fixed_scalar_is_kept_and_nothing_to_judge_by_leaves_the_first() -> None:
    steps = _random_steps(ties=False)
    assert seen_items.choose([steps], penalties=[0.7])[0].current_item_penalty == 0.7
    seen, recall, _ = seen_items.choose([], boosts=[0.3])
    assert seen == SeenItemScores(0.0, 0.3)
    assert np.isnan(recall)
